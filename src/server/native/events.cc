// What happened, in the order of the store's commits.
#include <algorithm>

#include "control/event_stream.h"
#include "server/native/support.h"

namespace fulcrum::server::native {

namespace {

using http::Request;
using http::ResponseWriter;

struct Filter {
  std::optional<Time> since, until;
  std::vector<std::string> types, names, actions;

  bool operator()(const api::Event& e) const {
    const auto among = [](const std::vector<std::string>& wanted, const std::string& value) {
      return wanted.empty() || std::find(wanted.begin(), wanted.end(), value) != wanted.end();
    };
    if ((since && e.time < *since) || (until && e.time > *until)) return false;
    return among(types, e.type) && among(actions, e.action) && (among(names, e.name) || (!names.empty() && among(names, e.id)));
  }
};

Result<> events(Api& api, Request& request, ResponseWriter& response) {
  const auto& query = request.query();
  TRY(only(query, {"since", "until", "type", "name", "action", "follow"}));
  auto& objects = api.engine.objects();
  const auto now = objects.clock().now();
  const Filter filter{.since = TRY(time_parameter(query, "since", now)),
                      .until = TRY(time_parameter(query, "until", now)),
                      .types = query.all("type"),
                      .names = query.all("name"),
                      .actions = query.all("action")};
  const bool follow = TRY(query.boolean("follow", false));
  auto stream = TRY(control::EventStream::open(objects));
  TRY(response.begin(200, "application/x-ndjson"));
  const auto tell = [&](const api::Event& event) -> Result<> {
    return filter(event) ? response.write_line(api::to_json(event)) : Result<>();
  };
  // Who only follows wants what comes; the past is told when a time was named, or when nothing is followed.
  if (!follow || filter.since)
    for (const auto& event : stream.past()) TRY(tell(event));
  return follow ? stream.follow(request.stop(), response.client_gone(), filter.until, tell) : Result<>();
}

}  // namespace

void add_event_routes(http::Router& router, Api& api) { router.add("GET", "/v1/events", bind(api, events)); }

}  // namespace fulcrum::server::native
