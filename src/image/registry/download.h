// One blob from a registry into the content store: resumed, verified, never twice at once.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "api/oci/image_spec.h"
#include "base/error.h"
#include "image/content_store.h"
#include "image/registry/progress.h"
#include "image/registry/session.h"

namespace fulcrum::image::registry {

/// The blobs that are being fetched, so that two pulls that share a layer fetch it once.
class InFlight {
 public:
  /// The right to fetch one blob; given up when dropped, which wakes those who wait.
  class Ticket {
   public:
    Ticket(InFlight& owner, Digest digest, std::shared_ptr<StopSource> done)
        : owner_(owner), digest_(std::move(digest)), done_(std::move(done)) {}
    Ticket(const Ticket&) = delete;
    Ticket& operator=(const Ticket&) = delete;
    ~Ticket();

   private:
    InFlight& owner_;
    Digest digest_;
    std::shared_ptr<StopSource> done_;
  };

  /// Waits until nobody else fetches the blob. Errors: cancelled, deadline_exceeded.
  [[nodiscard]] Result<std::unique_ptr<Ticket>> enter(const Digest& digest, const Bounds& bounds);

 private:
  std::mutex mutex_;  ///< protects the map
  std::map<Digest, std::shared_ptr<StopSource>> busy_;
};

/// What to fetch, and from where.
struct Download {
  const std::vector<Endpoint>& endpoints;  ///< asked in order; the next one when one lacks the blob or lies about it
  const std::string& repository;
  const oci::Descriptor& blob;
};

/// Fetches the blob unless the store has it. A cut stream is resumed with Range; a partial blob of an earlier attempt too. Content that
/// does not hash to the digest is thrown away (data_loss). A failed try may leave its partial file for the next one, nothing else.
[[nodiscard]] Result<> download(Session& session, InFlight& in_flight, const Download& what, const ContentStore& store,
                                const ProgressSink& progress, const Bounds& bounds);

/// The first byte of "bytes 5-9/10", checked against the blob's size; nothing when it makes no sense.
std::optional<std::uint64_t> parse_content_range(std::string_view text, std::uint64_t size);

}  // namespace fulcrum::image::registry
