// GoogleMock matchers for Result, and a folder that goes away with the test.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <ostream>
#include <string>

#include "base/error.h"
#include "base/sys.h"

namespace fulcrum {

inline void PrintTo(const Error& error, std::ostream* out) { *out << to_string(error.code) << ": " << error.message; }

namespace testing {

template <class T>
std::string describe(const Result<T>& result) {
  return result ? "ok" : std::string(to_string(result.error().code)) + ": " + result.error().message;
}

MATCHER(IsOk, "is ok") {
  *result_listener << describe(arg);
  return arg.has_value();
}
MATCHER_P(ErrorIs, code, std::string("is error ") + std::string(to_string(code))) {
  *result_listener << describe(arg);
  return !arg.has_value() && arg.error().code == code;
}
MATCHER_P2(ErrorIs, code, text, std::string("is error ") + std::string(to_string(code)) + " containing " + text) {
  *result_listener << describe(arg);
  return !arg.has_value() && arg.error().code == code && arg.error().message.find(text) != std::string::npos;
}
MATCHER_P(IsOkAndHolds, matcher, "holds the value") {
  *result_listener << describe(arg);
  return arg.has_value() && ::testing::SafeMatcherCast<decltype(*arg)>(matcher).MatchAndExplain(*arg, result_listener);
}

/// A fresh folder, removed with everything in it.
class TemporaryDirectory {
 public:
  TemporaryDirectory() {
    const char* base = std::getenv("TMPDIR");
    std::string name = std::string(base != nullptr ? base : "/tmp") + "/fulcrum-test-XXXXXX";
    FULCRUM_ASSERT(::mkdtemp(name.data()) != nullptr);
    path_ = name;
  }
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
  ~TemporaryDirectory() {
    const auto removed = sys::remove_tree(path_);
    if (!removed) ADD_FAILURE() << removed.error().message;
  }
  const std::string& path() const { return path_; }
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

}  // namespace testing
}  // namespace fulcrum

#define ASSERT_OK(expr) ASSERT_THAT((expr), ::fulcrum::testing::IsOk())
#define EXPECT_OK(expr) EXPECT_THAT((expr), ::fulcrum::testing::IsOk())
