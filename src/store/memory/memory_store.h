// The store in memory: for tests, and the reference for what the others do.
#pragma once

#include <memory>

#include "store/store.h"

namespace fulcrum::store {

struct MemoryOptions {
  const Clock* clock = &lease_clock();  ///< for leases; must outlive the store
  RetentionPolicy retention;
};

/// Makes an empty store that ends with the process.
std::unique_ptr<Store> make_memory_store(const MemoryOptions& options = {});

}  // namespace fulcrum::store
