// What happened, in the order of the store's commits.
#include <algorithm>

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

Result<> follow_events(Api& api, Request& request, ResponseWriter& response, const Filter& filter, store::Revision revision) {
  const auto watch = TRY(api.engine.objects().store().watch(control::kEvents, revision + 1));
  const auto wait_deadline = [&]() -> Deadline {
    return filter.until ? Deadline::in(*filter.until - api.engine.objects().clock().now()) : Deadline::never();
  };
  for (;;) {
    const auto ready = wait_any(request.stop(), wait_deadline(), {{watch->fd(), POLLIN}, response.client_gone()});
    if (!ready || *ready == 1) return {};
    for (const auto& change : TRY(watch->next())) {
      if (change.type != store::Event::Type::put) continue;  // the ring forgets its oldest
      auto event = TRY(api::from_stored<api::Event>(change.record.value));
      event.revision = change.record.revision;
      if (filter(event)) TRY(response.write_line(api::to_json(event)));
    }
  }
}

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
  const auto past = TRY(objects.events());
  TRY(response.begin(200, "application/x-ndjson"));
  // Who only follows wants what comes; the past is told when a time was named, or when nothing is followed.
  if (!follow || filter.since)
    for (const auto& event : past.items)
      if (filter(event)) TRY(response.write_line(api::to_json(event)));
  return follow ? follow_events(api, request, response, filter, past.revision) : Result<>();
}

}  // namespace

void add_event_routes(http::Router& router, Api& api) { router.add("GET", "/v1/events", bind(api, events)); }

}  // namespace fulcrum::server::native
