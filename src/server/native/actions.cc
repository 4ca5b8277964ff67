// Verbs on one workload that answer when it is so.
#include <boost/json.hpp>

#include "server/native/support.h"

namespace fulcrum::server::native {

namespace json = boost::json;

namespace {

using http::Request;
using http::ResponseWriter;

Result<> answer(ResponseWriter& response, const Result<api::Workload>& workload) {
  if (!workload) return std::unexpected(workload.error());
  return response.send_json(200, api::to_json(*workload));
}

Result<> start(Api& api, Request& request, ResponseWriter& response) {
  TRY(only(request.query(), {}));
  StartCall call(request, response);
  const auto started = api.engine.start(request.param("name"), call);
  if (!started) call.tell_exit_code();
  return answer(response, started);
}

Result<> stop(Api& api, Request& request, ResponseWriter& response) {
  TRY(only(request.query(), {"timeout", "signal"}));
  return answer(response, api.engine.stop(request.param("name"), std::string(request.query().get_or("signal", "")),
                                          TRY(duration_parameter(request.query(), "timeout")), call_of(request, response)));
}

Result<> restart(Api& api, Request& request, ResponseWriter& response) {
  TRY(only(request.query(), {"timeout", "signal"}));
  StartCall call(request, response);
  const auto restarted = api.engine.restart(request.param("name"), std::string(request.query().get_or("signal", "")),
                                            TRY(duration_parameter(request.query(), "timeout")), call);
  if (!restarted) call.tell_exit_code();
  return answer(response, restarted);
}

Result<> kill(Api& api, Request& request, ResponseWriter& response) {
  TRY(only(request.query(), {"signal"}));
  return answer(response,
                api.engine.kill(request.param("name"), std::string(request.query().get_or("signal", "")), call_of(request, response)));
}

Result<> pause(Api& api, Request& request, ResponseWriter& response) {
  TRY(only(request.query(), {}));
  return answer(response, api.engine.pause(request.param("name"), call_of(request, response)));
}

Result<> resume(Api& api, Request& request, ResponseWriter& response) {
  TRY(only(request.query(), {}));
  return answer(response, api.engine.resume(request.param("name"), call_of(request, response)));
}

/// Lays the members of a Resources document over a spec: what is not named stays.
Result<> lay_over(const std::string& body, api::WorkloadSpec& spec) {
  boost::system::error_code error;
  auto given = json::parse(body, error);
  if (error || !given.is_object()) return fail(Code::invalid_argument, "body: not a JSON object");
  auto merged = json::parse(api::to_json(spec)).get_object();
  auto& object = given.get_object();
  if (const auto* restart = object.if_contains("restart")) {
    merged["restart"] = *restart;
    object.erase("restart");
  }
  if (!merged.contains("resources")) merged["resources"] = json::object();
  for (const auto& [name, value] : object) merged["resources"].as_object()[name] = value;
  spec = TRY(api::from_json<api::WorkloadSpec>(json::serialize(merged)));
  return {};
}

Result<> update(Api& api, Request& request, ResponseWriter& response) {
  TRY(only(request.query(), {}));
  const auto body = TRY(request.read_body());
  return answer(
      response,
      api.engine.update(request.param("name"), [&](api::WorkloadSpec& spec) { return lay_over(body, spec); }, call_of(request, response)));
}

Result<> rename(Api& api, Request& request, ResponseWriter& response) {
  TRY(only(request.query(), {"name"}));
  return answer(response, api.engine.rename(request.param("name"), std::string(request.query().get_or("name", ""))));
}

}  // namespace

void add_action_routes(http::Router& router, Api& api) {
  const auto on = [&](std::string_view verb, auto handler) {
    router.add("POST", fmt::format("/v1/workloads/{{name}}/{}", verb), bind(api, handler));
  };
  on("start", start);
  on("stop", stop);
  on("restart", restart);
  on("kill", kill);
  on("pause", pause);
  on("resume", resume);
  on("update", update);
  on("rename", rename);
}

}  // namespace fulcrum::server::native
