mod fft;
mod filter_bank;
