use std::sync::OnceLock;

/// Loads libtorch's CUDA half, `libtorch_cuda.so`, from where the CPU half lies or from where the
/// system looks for libraries, once in a process; gives whether there is one. It must come before
/// libtorch is first asked for CUDA devices.
///
/// # Errors
/// With the loader's reason when the library is there and cannot be loaded.
pub fn load_cuda() -> Result<bool, String> {
    static LOADED: OnceLock<Result<bool, String>> = OnceLock::new();
    LOADED.get_or_init(crate::ffi::load_cuda).clone()
}
