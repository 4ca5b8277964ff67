// A build in the words and lines of Docker's classic builder: stages one after the other, though they run side by side.
#pragma once

#include <cstddef>
#include <mutex>
#include <string>
#include <vector>

#include "api/docker/progress.h"
#include "base/unique_fd.h"
#include "control/build/builder.h"
#include "http/server.h"

namespace fulcrum::server::docker {

/// Lines that wait for their turn: a little in memory, the rest in a file without a name.
class HeldLines {
 public:
  explicit HeldLines(std::string folder) : folder_(std::move(folder)) {}
  [[nodiscard]] Result<> add(std::string_view line);
  /// Hands everything on, and has nothing more then.
  [[nodiscard]] Result<> release(const std::function<Result<>(std::string_view)>& take);

 private:
  std::string folder_;
  std::string memory_;
  UniqueFd file_;
};

/// Thread-safe.
class BuildPrinter final : public image::build::BuildEvents {
 public:
  /// `folder`: where files may be made. `quiet`: nothing is written before finish().
  BuildPrinter(http::ResponseWriter& response, const control::PreparedBuild& build, const std::string& folder, bool quiet);

  /// What comes before the first step: the Dockerfile's warnings.
  [[nodiscard]] Result<> begin();
  Result<> tell(const image::build::BuildEvent& event) override;
  /// Ends the stream: with the image's ID and names, or with the error. A quiet build shows what it kept back only when it failed.
  [[nodiscard]] Result<> finish(const Result<image::build::BuiltImage>& built, const std::optional<image::build::FailedCommand>& failed);

 private:
  Result<> put(std::size_t stage, const api::docker::ProgressMessage& message);
  Result<> write(const api::docker::ProgressMessage& message);
  Result<> release_all();

  http::ResponseWriter& response_;
  const control::PreparedBuild& build_;
  const bool quiet_;
  std::mutex mutex_;             ///< protects all that follows, and the response
  std::size_t live_ = 0;         ///< the stage that is written now, by its place in the plan
  std::vector<HeldLines> held_;  ///< by place in the plan
  std::vector<bool> done_;
};

}  // namespace fulcrum::server::docker
