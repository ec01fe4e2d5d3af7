mod cmsis;
mod greedy;
mod riscv;
mod table;
