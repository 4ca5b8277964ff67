// Showing how a build goes: line by line, or on a terminal with the steps at work drawn below what is done.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <string>

#include "cmd/fulcrum/context.h"

namespace fulcrum::cli {

enum class BuildDisplay { plain, terminal, json, quiet };

class BuildProgress {
 public:
  explicit BuildProgress(BuildDisplay display) : display_(display) {}
  /// One line of POST /v1/build.
  void update(const json::value& line);
  /// Takes away what is drawn.
  void end();

 private:
  struct Step {
    std::int64_t number = 0;
    std::string text, last_line, partial;
    bool cached = false;
    std::chrono::steady_clock::time_point begun;
  };
  void begin(const json::value& line);
  void output(Step& step, const std::string& text);
  void finish(const Step& step);
  std::string label(const Step& step) const;
  void show(const std::string& text);
  void draw();
  void clear();

  BuildDisplay display_;
  std::int64_t steps_ = 0;
  std::map<std::int64_t, Step> running_;  ///< by stage
  std::size_t drawn_ = 0;
};

}  // namespace fulcrum::cli
