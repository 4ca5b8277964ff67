// A folder as the tar that a build takes, without what .dockerignore leaves out.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/unique_fd.h"
#include "image/build/ignore.h"
#include "image/tar_writer.h"

namespace fulcrum::cli {

/// Writes the tar bit by bit, as it is asked for.
class ContextTar {
 public:
  /// `dockerfile`: path of a Dockerfile outside the folder, sent along as `dockerfile_name`; empty: it lies within.
  ContextTar(std::string folder, image::build::IgnoreRules rules, std::string dockerfile = {}, std::string dockerfile_name = {});
  /// At most `size` bytes; 0 at the end.
  [[nodiscard]] Result<std::size_t> read(char* data, std::size_t size);
  std::uint64_t sent() const { return sent_; }

 private:
  Result<> step();
  Result<> add(const std::string& name);
  Result<> add_file(const std::string& path, image::TarEntry entry);
  Result<> add_children(const std::string& name);
  Result<> copy_some();

  std::string folder_;
  image::build::IgnoreRules rules_;
  std::string dockerfile_, dockerfile_name_;
  std::string buffer_;
  std::size_t taken_ = 0;  ///< bytes of buffer_ that were handed out
  image::TarWriter tar_;
  std::vector<std::string> todo_;  ///< names within the folder, the next one last
  UniqueFd file_;                  ///< being copied
  std::uint64_t left_ = 0;
  bool finished_ = false;
  std::uint64_t sent_ = 0;
};

/// The rules of the folder's ignore file. The Dockerfile and the ignore file themselves always go along.
[[nodiscard]] Result<image::build::IgnoreRules> read_ignore_rules(const std::string& folder, const std::string& dockerfile);

}  // namespace fulcrum::cli
