// What handlers share: strict queries, bodies, bounds, lists.
#pragma once

#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>

#include "api/workload/codec.h"
#include "control/engine.h"
#include "http/server.h"
#include "server/native/api.h"

namespace fulcrum::server::native {

/// invalid_argument that names the first parameter that is not among `names`.
[[nodiscard]] Result<> only(const http::Query& query, std::initializer_list<std::string_view> names);
/// RFC 3339, a date or time without a zone, seconds since the epoch, or a duration that means "ago". Nothing when it is absent.
[[nodiscard]] Result<std::optional<Time>> time_parameter(const http::Query& query, std::string_view name, Time now);
/// "10s", or seconds as a plain number. Nothing when it is absent.
[[nodiscard]] Result<std::optional<Duration>> duration_parameter(const http::Query& query, std::string_view name);
/// The bounds of a request that waits for the engine: as long as the client stays.
control::Call call_of(const http::Request& request, const http::ResponseWriter& response);
/// The bounds of a call that starts something: an error tells the exit code that its program would have had.
class StartCall {
 public:
  StartCall(const http::Request& request, http::ResponseWriter& response) : response_(response), call_(call_of(request, response)) {
    call_.exit_code = &exit_code_;
  }
  StartCall(const StartCall&) = delete;
  StartCall& operator=(const StartCall&) = delete;
  operator const control::Call&() const { return call_; }
  void tell_exit_code() {
    if (exit_code_ != 0 && !response_.begun()) response_.headers().set("X-Fulcrum-Exit-Code", fmt::format("{}", exit_code_));
  }

 private:
  http::ResponseWriter& response_;
  int exit_code_ = 0;
  control::Call call_;
};

/// Says why a response that had begun was cut: its client sees only that it was.
void log_cut(const http::Request& request, const Error& error);
/// A route's handler out of a function of this API.
template <class F>
http::Handler bind(Api& api, F handler) {
  return [&api, handler](http::Request& request, http::ResponseWriter& response) -> Result<> {
    auto handled = handler(api, request, response);
    if (!handled && response.begun()) log_cut(request, handled.error());
    return handled;
  };
}
/// {"items":[…],"revision":N}
template <class T>
std::string list_json(const std::vector<T>& items, std::int64_t revision) {
  std::string json = "{\"items\":[";
  for (std::size_t i = 0; i < items.size(); ++i) json += (i == 0 ? "" : ",") + api::to_json(items[i]);
  return json + fmt::format("],\"revision\":{}}}", revision);
}
/// "key=value" or "key" as `label` parameters say, all of which must hold.
bool labels_match(const std::map<std::string, std::string>& labels, const std::vector<std::string>& wanted);
/// A timer that is readable every second, for wait_any.
[[nodiscard]] Result<UniqueFd> every_second();
/// Repeated objects of the store, one for each change, until the client leaves.
[[nodiscard]] Result<> follow(store::Watch& watch, const http::Request& request, http::ResponseWriter& response,
                              const std::function<Result<>(const store::Event&)>& tell);

}  // namespace fulcrum::server::native
