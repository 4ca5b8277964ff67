// Answers of the verbs on containers.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "schema/schema.h"

namespace fulcrum::api::docker {

struct WaitExitError {
  std::string message;
  friend bool operator==(const WaitExitError&, const WaitExitError&) = default;
};

struct WaitResponse {
  std::int64_t status_code = 0;
  std::optional<WaitExitError> error;
  friend bool operator==(const WaitResponse&, const WaitResponse&) = default;
};

struct ContainersPruneReport {
  std::vector<std::string> containers_deleted;
  std::uint64_t space_reclaimed = 0;
  friend bool operator==(const ContainersPruneReport&, const ContainersPruneReport&) = default;
};

}  // namespace fulcrum::api::docker

namespace fulcrum::schema {

template <>
struct Schema<api::docker::WaitExitError> {
  using T = api::docker::WaitExitError;
  static constexpr std::string_view name = "ContainerWaitExitError";
  static constexpr std::string_view doc = "Why the wait ended with an error.";
  static constexpr auto fields = std::tuple{always("Message", &T::message, "Details of the error.")};
};

template <>
struct Schema<api::docker::WaitResponse> {
  using T = api::docker::WaitResponse;
  static constexpr std::string_view name = "ContainerWaitResponse";
  static constexpr std::string_view doc = "How the container ended.";
  static constexpr auto fields =
      std::tuple{always("StatusCode", &T::status_code, "Exit code."), optional("Error", &T::error, "Why it could not run.")};
};

template <>
struct Schema<api::docker::ContainersPruneReport> {
  using T = api::docker::ContainersPruneReport;
  static constexpr std::string_view name = "ContainerPruneResponse";
  static constexpr std::string_view doc = "What a prune removed.";
  static constexpr auto fields = std::tuple{always("ContainersDeleted", &T::containers_deleted, "IDs of the containers."),
                                            always("SpaceReclaimed", &T::space_reclaimed, "Bytes of their writable layers.")};
};

}  // namespace fulcrum::schema
