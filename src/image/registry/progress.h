// How a pull or push tells how far it is.
#pragma once

#include <cstdint>
#include <functional>
#include <string_view>

#include "base/id.h"

namespace fulcrum::image::registry {

/// Where one blob stands.
enum class BlobStatus : std::uint8_t {
  waiting,      ///< for a connection
  exists,       ///< is there already: nothing was moved (final)
  downloading,  ///< current of total bytes are here
  uploading,    ///< current of total bytes are there
  retrying,     ///< a try failed; goes on at current
  done,         ///< moved and verified (final)
  mounted,      ///< the registry took it from another repository (final)
};

/// In the words of `docker pull` and `docker push`: "Pull complete", "Layer already exists".
constexpr std::string_view to_string(BlobStatus status) {
  switch (status) {
    case BlobStatus::waiting: return "waiting";
    case BlobStatus::exists: return "exists";
    case BlobStatus::downloading: return "downloading";
    case BlobStatus::uploading: return "uploading";
    case BlobStatus::retrying: return "retrying";
    case BlobStatus::done: return "done";
    case BlobStatus::mounted: return "mounted";
  }
  return "";
}

struct Progress {
  Digest digest;
  BlobStatus status = BlobStatus::waiting;
  std::uint64_t current = 0, total = 0;  ///< bytes
};

/// Called from several threads at once, for one blob from one thread at a time; must not block. Moving blobs report at most every 100 ms.
using ProgressSink = std::function<void(const Progress&)>;

}  // namespace fulcrum::image::registry
