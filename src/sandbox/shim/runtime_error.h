// What the runtime's words mean.
#pragma once

#include <string>
#include <string_view>

#include "base/error.h"

namespace fulcrum::sandbox::shim {

/// An error out of what fulcrum-oci printed: without time stamps and levels, its code told by the words that tools match on.
/// not_found: the program is not there; permission_denied: it cannot be executed; invalid_argument and unimplemented as the runtime says.
Error runtime_error(std::string_view printed);

}  // namespace fulcrum::sandbox::shim
