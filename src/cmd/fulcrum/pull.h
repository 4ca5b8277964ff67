// Fetching an image with its progress shown.
#pragma once

#include <string>

#include "api/workload/spec.h"
#include "cmd/fulcrum/context.h"

namespace fulcrum::cli {

struct PullWish {
  std::string reference;
  std::string platform;
  bool insecure = false;
  bool quiet = false;
};

/// Pulls and returns the last line: `{"id","digest"}`. Errors: the registry's.
[[nodiscard]] Result<json::value> pull(Context& context, const PullWish& wish);
/// Reads progress lines to the end; an `error` line becomes the error.
[[nodiscard]] Result<json::value> show_progress(http::ClientResponse& response, bool quiet);
/// What spec.pull asks for, before the workload is made, so that a user sees the progress.
[[nodiscard]] Result<> pull_if_needed(Context& context, const api::WorkloadSpec& spec, bool quiet, bool insecure);

/// Credentials that `login` or docker keep for a registry, as a JSON object for a request's body, or null.
json::value credentials_for(const std::string& reference);

}  // namespace fulcrum::cli
