mod bytes;
mod c_api;
mod kenning;
mod literal;
mod mark;
mod rust;
