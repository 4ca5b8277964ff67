// One blob from the content store into a registry: not when it is there, from another repository when it can be, else sent.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "api/oci/image_spec.h"
#include "base/error.h"
#include "image/content_store.h"
#include "image/registry/progress.h"
#include "image/registry/session.h"

namespace fulcrum::image::registry {

/// What to send, and where.
struct Upload {
  const Endpoint& endpoint;
  const std::string& repository;
  const oci::Descriptor& blob;
  const std::vector<std::string>& mount_from;  ///< repositories of the same registry that may have the blob
};

/// Sends the blob. Up to Options::upload_chunk in one PUT, which is repeated whole; larger ones in chunks, resumed where the registry says
/// that it is. Errors: not_found when the store lacks the blob, data_loss when the registry stored another digest.
[[nodiscard]] Result<> upload(Session& session, const Upload& what, const ContentStore& store, const ProgressSink& progress,
                              const Bounds& bounds);

/// How many bytes a Range field ("0-99", "bytes=0-99") says have arrived: 100; nothing when it makes no sense.
std::optional<std::uint64_t> parse_upload_range(std::string_view text);

}  // namespace fulcrum::image::registry
