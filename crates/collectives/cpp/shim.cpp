// c10d behind a C interface: a TCP store to meet at, and a Gloo process group. No exception leaves
// this file; every function that may fail gives false and leaves a message.

#define USE_C10D_GLOO
#include <ATen/ops/from_blob.h>
#include <torch/csrc/distributed/c10d/PrefixStore.hpp>
#include <torch/csrc/distributed/c10d/ProcessGroupGloo.hpp>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>

#include <cstring>

namespace {

using std::chrono::milliseconds;

struct Store {
  c10::intrusive_ptr<c10d::Store> inner;
};

struct Group {
  c10::intrusive_ptr<c10d::ProcessGroupGloo> inner;
};

// A collective on its way, with the tensors that it reads and writes.
struct Work {
  c10::intrusive_ptr<c10d::Work> inner;
};

template <typename Body>
bool guarded(char* message, size_t length, Body&& body) {
  const auto say = [&](const char* text) {
    std::strncpy(message, text, length - 1);
    message[length - 1] = '\0';
  };
  try {
    body();
    return true;
  } catch (const c10::Error& error) {
    say(error.what_without_backtrace());
  } catch (const std::exception& error) {
    say(error.what());
  } catch (...) {
    say("an exception of an unknown type");
  }
  return false;
}

at::ScalarType scalar(int kind) {
  switch (kind) {
    case 0:
      return at::kByte;
    case 1:
      return at::kFloat;
    default:
      return at::kDouble;
  }
}

at::Tensor tensor(void* values, int64_t count, int kind) {
  return at::from_blob(values, {count}, at::TensorOptions().dtype(scalar(kind)));
}

} // namespace

extern "C" {

// `listener` is the socket to serve the store at, which is taken over; -1 joins another's.
Store* oncoweave_store_open(
    const char* host, uint16_t port, int listener, int64_t members, int64_t timeout_ms,
    char* message, size_t length) {
  Store* store = nullptr;
  guarded(message, length, [&] {
    c10d::TCPStoreOptions options;
    options.port = port;
    if (listener >= 0) {
      options.isServer = true;
      options.masterListenFd = listener;
    }
    options.numWorkers = static_cast<size_t>(members);
    options.waitWorkers = false;
    options.timeout = milliseconds(timeout_ms);
    store = new Store{c10::make_intrusive<c10d::TCPStore>(host, options)};
  });
  return store;
}

// A second connection to the same store, for another thread.
Store* oncoweave_store_clone(Store* store, char* message, size_t length) {
  Store* clone = nullptr;
  guarded(message, length, [&] { clone = new Store{store->inner->clone()}; });
  return clone;
}

void oncoweave_store_close(Store* store) {
  char message[64];
  guarded(message, sizeof message, [&] { delete store; });
}

bool oncoweave_store_add(
    Store* store, const char* key, int64_t value, int64_t* sum, char* message, size_t length) {
  return guarded(message, length, [&] { *sum = store->inner->add(key, value); });
}

// `interface` may be null: then Gloo listens at `address`.
Group* oncoweave_group_open(
    Store* store, int rank, int members, const char* interface, const char* address,
    int64_t timeout_ms, char* message, size_t length) {
  Group* group = nullptr;
  guarded(message, length, [&] {
    auto options = c10d::ProcessGroupGloo::Options::create(milliseconds(timeout_ms));
    options->devices.push_back(
        interface ? c10d::ProcessGroupGloo::createDeviceForInterface(interface)
                  : c10d::ProcessGroupGloo::createDeviceForHostname(address));
    auto prefixed = c10::make_intrusive<c10d::PrefixStore>("gloo", store->inner);
    group = new Group{
        c10::make_intrusive<c10d::ProcessGroupGloo>(prefixed, rank, members, options)};
  });
  return group;
}

void oncoweave_group_close(Group* group) {
  char message[64];
  guarded(message, sizeof message, [&] { delete group; });
}

// Sums `values` over all processes in place; they must stay where they are until the work is done.
Work* oncoweave_group_sum(
    Group* group, void* values, int64_t count, int kind, char* message, size_t length) {
  Work* work = nullptr;
  guarded(message, length, [&] {
    std::vector<at::Tensor> tensors{tensor(values, count, kind)};
    work = new Work{group->inner->allreduce(tensors)};
  });
  return work;
}

// Fills `all`, (members, count), with the `own` of every process.
Work* oncoweave_group_gather(
    Group* group, void* own, void* all, int64_t count, int kind, char* message, size_t length) {
  Work* work = nullptr;
  guarded(message, length, [&] {
    std::vector<at::Tensor> inputs{tensor(own, count, kind)};
    std::vector<std::vector<at::Tensor>> outputs(1);
    const auto bytes = count * static_cast<int64_t>(inputs[0].element_size());
    for (int64_t member = 0; member < group->inner->getSize(); ++member) {
      outputs[0].push_back(tensor(static_cast<char*>(all) + member * bytes, count, kind));
    }
    work = new Work{group->inner->allgather(outputs, inputs)};
  });
  return work;
}

// Replaces `values` by those of the first process.
Work* oncoweave_group_broadcast(
    Group* group, void* values, int64_t count, int kind, char* message, size_t length) {
  Work* work = nullptr;
  guarded(message, length, [&] {
    std::vector<at::Tensor> tensors{tensor(values, count, kind)};
    work = new Work{group->inner->broadcast(tensors)};
  });
  return work;
}

// Waits; gives 1 when the work is done, 0 when it is not yet, -1 when it failed.
int oncoweave_work_wait(Work* work, int64_t timeout_ms, char* message, size_t length) {
  const auto wait = [&](milliseconds timeout) {
    return guarded(message, length, [&] { work->inner->wait(timeout); });
  };
  if (wait(milliseconds(timeout_ms))) {
    return 1;
  }
  // It throws when the time is over, too.
  if (!work->inner->isCompleted()) {
    return 0;
  }
  return wait(kNoTimeout) ? 1 : -1;
}

void oncoweave_work_close(Work* work) {
  char message[64];
  guarded(message, sizeof message, [&] { delete work; });
}

} // extern "C"
