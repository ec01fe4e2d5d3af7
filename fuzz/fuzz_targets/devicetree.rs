#![no_main]

castiron_fuzz::fuzzer!(castiron_tests::targets::DEVICETREE);
