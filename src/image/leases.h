// What leases protect, and the one place where garbage collection asks.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <set>
#include <string>

#include "image/image_store.h"

namespace fulcrum::image {

/// While a collection runs, what a dropped lease protected stays protected: its image may have been recorded after the collection read the
/// records.
struct Lease::Shared {
  std::mutex mutex;
  std::uint64_t next_key = 1;
  std::map<std::uint64_t, std::set<std::string>> held;
  std::set<std::string> lingering;
  unsigned collections = 0;

  void end(std::uint64_t key) {
    const std::lock_guard lock(mutex);
    if (const auto found = held.find(key); found != held.end()) {
      if (collections > 0) lingering.merge(found->second);
      held.erase(found);
    }
  }
  void begin_collection() {
    const std::lock_guard lock(mutex);
    ++collections;
  }
  void end_collection() {
    const std::lock_guard lock(mutex);
    if (--collections == 0) lingering.clear();
  }
  /// Runs `take_away` (one quick system call) unless the digest is protected.
  template <class F>
  void unless_protected(const std::string& digest, F take_away) {
    const std::lock_guard lock(mutex);
    if (lingering.contains(digest)) return;
    for (const auto& [key, digests] : held) {
      if (digests.contains(digest)) return;
    }
    take_away();
  }
};

}  // namespace fulcrum::image
