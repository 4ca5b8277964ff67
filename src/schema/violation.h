// What is wrong with a document, and where.
#pragma once

#include <string>
#include <vector>

#include "base/error.h"

namespace fulcrum::schema {

/// One thing wrong: `resources.memory` and `"12Q" is not a size`. The path is empty for the document itself.
struct Violation {
  std::string path;
  std::string message;
  friend bool operator==(const Violation&, const Violation&) = default;
};
using Violations = std::vector<Violation>;

/// One invalid_argument error that holds them all, `path: message` a line.
Error to_error(const Violations& violations);

}  // namespace fulcrum::schema
