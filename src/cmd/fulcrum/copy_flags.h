// What `fulcrum cp` takes. The command line itself is a static program; copying wants libarchive with all that it loads, so it is done by
// fulcrum-cp, which stands beside it and knows the same flags.
#pragma once

#include <CLI/CLI.hpp>
#include <string>

#include "cmd/fulcrum/verb.h"

namespace fulcrum::cli {

class CopyFlags : public Verb {
 public:
  void declare(CLI::App& app) override {
    app.add_option("source", source_, "WORKLOAD:PATH, PATH, or - for a tar on standard input")->required();
    app.add_option("target", target_, "WORKLOAD:PATH, PATH, or - for a tar on standard output")->required();
    app.add_flag("-L,--follow-link", follow_, "Copy what a link points at");
    app.add_flag("-a,--archive", archive_, "Keep user and group IDs");
  }

 protected:
  std::string source_, target_;
  bool follow_ = false, archive_ = false;
};

inline constexpr std::string_view kCopySummary = "Copy files between here and a workload";
inline constexpr std::string_view kCopyExamples =
    "  fulcrum cp web:/etc/nginx/nginx.conf .\n  fulcrum cp ./site web:/srv/\n  fulcrum cp web:/var/log - | tar t";

}  // namespace fulcrum::cli
