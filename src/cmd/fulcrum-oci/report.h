// Where errors and warnings go: --log, --log-format, --debug, standard error.
#pragma once

#include <string>
#include <string_view>

#include "base/error.h"
#include "base/unique_fd.h"

namespace fulcrum::oci_cli {

/// Writes log lines in the two formats that callers of runc parse.
class Report {
 public:
  /// Opens the log file for appending. Error: names the file; invalid_argument for an unknown format.
  [[nodiscard]] Result<> open(const std::string& path, const std::string& format, bool debug);

  void debug(std::string_view message) const;
  void warning(std::string_view message) const;
  /// To the log, and when that is a file to standard error as well.
  void error(std::string_view message) const;

 private:
  void line(std::string_view level, std::string_view message) const;
  UniqueFd file_;
  bool json_ = false;
  bool debug_ = false;
};

}  // namespace fulcrum::oci_cli
