// What happened, in the order of the store's commits, in Docker's words.
#include "api/docker/event_schema.h"
#include "base/unix_time.h"
#include "control/event_stream.h"
#include "server/docker/event_message.h"
#include "server/docker/support.h"

namespace fulcrum::server::docker {

namespace {

/// Seconds since the epoch, with a fraction or without. Errors: invalid_argument in Docker's words.
Result<std::optional<Time>> time_of(const http::Query& query, std::string_view name) {
  const auto text = query.get(name);
  if (!text || text->empty()) return std::nullopt;
  const auto time = parse_unix_time(*text);
  if (!time) return fail(Code::invalid_argument, "invalid value for '{}': {}", name, time.error().message);
  return *time;
}

/// Counts one stream for as long as it lives.
class Listener {
 public:
  explicit Listener(Api& api) : api_(api) { ++api_.event_listeners; }
  ~Listener() { --api_.event_listeners; }
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

 private:
  Api& api_;
};

Result<> events(Api& api, Request& request, ResponseWriter& response) {
  const auto& query = request.query();
  const auto since = TRY(time_of(query, "since")), until = TRY(time_of(query, "until"));
  if (since && until && *until < *since)
    return fail(Code::invalid_argument, "`since` time ({}) cannot be after `until` time ({})", *query.get("since"), *query.get("until"));
  const auto filters = TRY(Filters::parse(query, {"config", "container", "daemon", "event", "image", "label", "network", "node", "plugin",
                                                  "scope", "secret", "service", "type", "volume"}));
  auto& objects = api.native.engine.objects();
  auto stream = TRY(control::EventStream::open(objects));
  const Listener listener(api);
  TRY(response.begin(200, "application/json"));
  const bool tells_creation_of_images = version_of(request) >= ApiVersion{1, 46};
  const auto tell = [&](const api::Event& event) -> Result<> {
    const auto message = event_message(event);
    if (!tells_creation_of_images && message.type == "image" && message.action == "create") return {};
    return wanted(filters, message) ? response.write_line(schema::encode_text(message)) : Result<>();
  };
  // The past is told to those who name a time in it.
  if (since || until)
    for (const auto& event : stream.past())
      if ((!since || event.time >= *since) && (!until || event.time <= *until)) TRY(tell(event));
  if (until && *until < objects.clock().now()) return {};
  return stream.follow(request.stop(), response.client_gone(), until, tell);
}

constexpr Operation kOperations[] = {{.method = "GET", .path = "/events", .handle = events}};

}  // namespace

std::span<const Operation> event_operations() { return kOperations; }

}  // namespace fulcrum::server::docker
