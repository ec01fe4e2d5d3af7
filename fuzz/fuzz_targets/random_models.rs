#![no_main]

castiron_fuzz::fuzzer!(castiron_tests::targets::RANDOM_MODELS);
