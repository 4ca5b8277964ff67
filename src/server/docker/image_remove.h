// What `docker rmi` takes away, and what stops it: decided by a pure function.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "image/image_store.h"
#include "server/docker/image_support.h"

namespace fulcrum::server::docker {

/// What is known when a removal is decided.
struct RemovalFacts {
  const image::ImageRecord& record;
  std::span<const ImageUser> users;  ///< containers made of it, or that mount it
  bool has_children = false;         ///< other images were made from it
};

/// What to do, in this order.
struct RemovalPlan {
  std::vector<std::string> untag;  ///< names as the store has them
  bool remove = false;             ///< the image itself, which then has no name
  friend bool operator==(const RemovalPlan&, const RemovalPlan&) = default;
};

/// By a name, that name (and with the last of its repository the digests by which it was fetched from there), and the image with its last
/// name. By ID, all names when they are of one repository or `force` is given. Errors: failed_precondition with Docker's words for each
/// conflict: a running container, an image made from it, and without `force` a stopped container or names in several repositories.
[[nodiscard]] Result<RemovalPlan> plan_removal(const RemovalFacts& facts, std::string_view reference, bool force);

/// Whether an image that is the parent of one that went goes, too: nobody names, uses or needs it.
bool is_orphan(const RemovalFacts& facts);

/// The first 12 digits of an ID.
std::string truncated(std::string_view id);

}  // namespace fulcrum::server::docker
