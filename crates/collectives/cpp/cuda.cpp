// libtorch's CUDA half, loaded where it stands: its initialisers make CUDA known to the other half.

#include <ATen/Context.h>

#include <dlfcn.h>
#include <unistd.h>

#include <cstring>
#include <string>

extern "C" {

// Gives 1 when it is loaded, 0 when there is none, -1 when it is there and cannot be loaded.
int oncoweave_cuda_load(char* message, size_t length) {
  const std::string name = "libtorch_cuda.so";
  std::string path = name;
  Dl_info info;
  if (dladdr(reinterpret_cast<void*>(&at::globalContext), &info) && info.dli_fname) {
    const std::string cpu = info.dli_fname;
    const std::string beside = cpu.substr(0, cpu.rfind('/') + 1) + name;
    if (access(beside.c_str(), R_OK) == 0) {
      path = beside;
    }
  }
  if (dlopen(path.c_str(), RTLD_NOW | RTLD_GLOBAL)) {
    return 1;
  }
  const char* reason = dlerror();
  // Another library's name stands first where that one is missing.
  if (std::string(reason).rfind(name + ": cannot open shared object file", 0) == 0) {
    return 0;
  }
  std::strncpy(message, reason, length - 1);
  message[length - 1] = '\0';
  return -1;
}

} // extern "C"
