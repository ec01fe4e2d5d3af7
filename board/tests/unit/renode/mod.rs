mod isa;
