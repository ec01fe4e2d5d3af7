mod cancel_quantization;
mod cancel_transposes;
mod decode;
mod dequantize;
mod fold_constants;
mod fuse_activations;
mod join_movements;
mod list;
