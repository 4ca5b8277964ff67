// The lines by which the Docker Engine API tells how a pull, push, load, import or build goes.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace fulcrum::api::docker {

struct ProgressDetail {
  std::int64_t current = 0;
  std::int64_t total = 0;
  friend bool operator==(const ProgressDetail&, const ProgressDetail&) = default;
};

struct ErrorDetail {
  std::int64_t code = 0;
  std::string message;
  friend bool operator==(const ErrorDetail&, const ErrorDetail&) = default;
};

/// What was made: of a push its tag, digest and size, of a build an ID.
struct ProgressResult {
  std::string id;
  std::string tag;
  std::string digest;
  std::int64_t size = 0;
  friend bool operator==(const ProgressResult&, const ProgressResult&) = default;
};

/// One line. Only what is set is written.
struct ProgressMessage {
  std::string stream;  ///< text for people, with its line feeds
  std::string status;
  std::optional<ProgressDetail> progress_detail;
  std::string progress;  ///< the same as a bar
  std::string id;        ///< of a layer; lines of one ID replace each other
  std::optional<ErrorDetail> error_detail;
  std::string error;
  std::optional<ProgressResult> aux;
  friend bool operator==(const ProgressMessage&, const ProgressMessage&) = default;
};

}  // namespace fulcrum::api::docker
