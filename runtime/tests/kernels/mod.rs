//! Kernels against their definitions.

mod any_steps;
mod batch_matmul;
mod binary;
mod blocks;
mod broadcast;
mod chain;
mod convert;
mod convolution;
mod dsp;
mod elementwise;
mod float32x16;
mod fully_connected;
mod gather;
mod hybrid;
mod l2_norm;
mod log_softmax;
mod nibbles;
mod one_hot;
mod pool;
mod reduce;
mod select;
mod signal;
mod softmax;
mod svdf;
mod top_k;
mod unary;
