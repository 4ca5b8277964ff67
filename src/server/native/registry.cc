// Images from and to registries, with a line for each step.
#include <boost/json.hpp>
#include <mutex>

#include "control/image_access.h"
#include "server/native/registry_access.h"
#include "server/native/support.h"

namespace fulcrum::server::native {

namespace json = boost::json;

namespace {

using http::Request;
using http::ResponseWriter;

struct Body {
  image::Reference reference;
  std::string text;
  std::string platform;
  image::registry::Credential credential;
  bool insecure = false;
};

Result<std::string> text_member(const json::object& object, std::string_view name) {
  const auto* value = object.if_contains(name);
  if (value == nullptr || value->is_null()) return std::string();
  if (!value->is_string()) return fail(Code::invalid_argument, "{}: not a string", name);
  return std::string(value->get_string());
}

Result<image::registry::Credential> credential_of(const json::object& object) {
  image::registry::Credential credential{.username = TRY(text_member(object, "username")),
                                         .password = TRY(text_member(object, "password"))};
  for (const auto& [name, value] : object)
    if (name != "username" && name != "password")
      return fail(Code::invalid_argument, "credentials.{}: unknown field", std::string_view(name));
  return credential;
}

Result<Body> parse_body(Request& request) {
  boost::system::error_code error;
  const auto value = json::parse(TRY(request.read_body()), error);
  if (error || !value.is_object()) return fail(Code::invalid_argument, "body: not a JSON object");
  const auto& object = value.get_object();
  Body body{.text = TRY(text_member(object, "reference")), .platform = TRY(text_member(object, "platform"))};
  for (const auto& [name, member] : object) {
    if (name == "credentials" && member.is_object()) {
      body.credential = TRY(credential_of(member.get_object()));
    } else if (name == "insecure" && member.is_bool()) {
      body.insecure = member.get_bool();
    } else if (name != "reference" && name != "platform" && !(name == "credentials" && member.is_null())) {
      return fail(Code::invalid_argument, "{}: unknown field, or of a wrong type", std::string_view(name));
    }
  }
  body.reference = TRY(image::Reference::parse(body.text), "reference");
  return body;
}

/// Lines from several threads, one after the other. A client that left ends the work.
class Lines {
 public:
  explicit Lines(ResponseWriter& response) : response_(response) {}
  void write(const json::object& line) {
    const auto text = json::serialize(line);
    const std::lock_guard lock(mutex_);  // a response has one writer; nobody waits for anything else under this lock
    if (!broken_) broken_ = !response_.write_line(text).has_value();
  }
  void progress(const std::string& id, std::string_view status, std::uint64_t current, std::uint64_t total) {
    write({{"id", id}, {"status", std::string(status)}, {"current", current}, {"total", total}});
  }
  /// Writes each step of a transfer, a blob by the first digits of its digest. Must not outlive this.
  control::TransferListener listener() {
    return {.step = [this](const control::TransferStep& step) {
      const auto& digest = step.blob.str();
      if (step.status != "unpacked") progress(digest.substr(digest.find(':') + 1, 12), step.status, step.current, step.total);
    }};
  }
  void error(const Error& error) { write({{"error", {{"code", std::string(to_string(error.code))}, {"message", error.message}}}}); }

 private:
  ResponseWriter& response_;
  std::mutex mutex_;
  bool broken_ = false;
};

Result<> pull(Api& api, Request& request, ResponseWriter& response) {
  TRY(only(request.query(), {}));
  const auto body = TRY(parse_body(request));
  TRY(response.begin(200, "application/x-ndjson"));
  Lines lines(response);
  const ClientStop stop(request, response);
  const auto listener = lines.listener();
  const auto pulled = with_client(api, body.credential, body.reference.domain, body.insecure, [&](image::registry::Client& client) {
    return control::pull_image(api.images, client, {.reference = body.text, .platform = body.platform}, listener, stop.source());
  });
  if (!pulled) {
    lines.error(pulled.error());
    return {};
  }
  TRY(api.engine.objects().record({api.engine.objects().event("image", "pull", pulled->id.str(), body.reference.familiar())}));
  lines.write({{"id", pulled->id.str()}, {"digest", pulled->digest.str()}});
  return {};
}

Result<> push(Api& api, Request& request, ResponseWriter& response) {
  TRY(only(request.query(), {}));
  const auto body = TRY(parse_body(request));
  const auto record = TRY(api.images.inspect(body.text));
  TRY(response.begin(200, "application/x-ndjson"));
  Lines lines(response);
  const ClientStop stop(request, response);
  const auto listener = lines.listener();
  const auto pushed = with_client(api, body.credential, body.reference.domain, body.insecure, [&](image::registry::Client& client) {
    return control::push_image(api.images, client, body.reference, listener, stop.source());
  });
  if (!pushed) {
    lines.error(pushed.error());
    return {};
  }
  TRY(api.engine.objects().record({api.engine.objects().event("image", "push", record.id.str(), body.reference.familiar())}));
  lines.write({{"id", record.id.str()}, {"digest", pushed->str()}});
  return {};
}

}  // namespace

void add_registry_routes(http::Router& router, Api& api) {
  router.add("POST", "/v1/images/pull", bind(api, pull));
  router.add("POST", "/v1/images/push", bind(api, push));
}

}  // namespace fulcrum::server::native
