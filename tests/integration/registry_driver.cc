// Drives the registry client for the integration tests: one call per run, a JSON object on standard output.
//
//   registry_driver [options] pull STORE REFERENCE | push STORE REFERENCE DIGEST | resolve REFERENCE | tags REFERENCE | catalog DOMAIN
//                             | delete REFERENCE | login DOMAIN
#include <CLI/CLI.hpp>
#include <boost/json.hpp>
#include <iostream>
#include <mutex>

#include "base/process.h"
#include "image/registry/client.h"

namespace fulcrum::image::registry {
namespace {

namespace json = boost::json;

struct Arguments {
  Options options;
  PullOptions pull;
  PushOptions push;
  std::vector<std::string> mirrors;  // domain=address
  std::string user;                  // name:password
  std::string identity_token;
  std::string platform;
  double deadline = 0;
  long stall = 0, connect = 0, retry_base = 0, retry_cap = 0, max_retry_after = 0;
  std::string verb;
  std::vector<std::string> operands;
};

json::object to_json(const oci::Descriptor& descriptor) {
  return {{"mediaType", descriptor.media_type}, {"digest", descriptor.digest.str()}, {"size", descriptor.size}};
}

json::array to_json(const std::vector<oci::Descriptor>& descriptors) {
  json::array out;
  for (const auto& descriptor : descriptors) out.push_back(to_json(descriptor));
  return out;
}

json::object to_json(const PulledImage& image) {
  return {{"target", to_json(image.target)},
          {"manifest", to_json(image.manifest)},
          {"config", to_json(image.config)},
          {"layers", to_json(image.layers)},
          {"manifests", to_json(image.manifests)}};
}

/// Collects what the client reports, in order.
class Events {
 public:
  ProgressSink sink() {
    return [this](const Progress& progress) {
      const std::lock_guard lock(mutex_);
      events_.push_back(json::object{{"digest", progress.digest.str()},
                                     {"status", to_string(progress.status)},
                                     {"current", progress.current},
                                     {"total", progress.total}});
    };
  }
  json::array take() { return std::move(events_); }

 private:
  std::mutex mutex_;
  json::array events_;
};

Result<json::object> names(Result<std::vector<std::string>> list) {
  json::array out;
  for (const auto& name : TRY(std::move(list))) out.emplace_back(name);
  return json::object{{"names", out}};
}

Result<json::object> execute(Arguments& arguments) {
  const auto& words = arguments.operands;
  const auto deadline =
      arguments.deadline > 0 ? Deadline::in(std::chrono::milliseconds(static_cast<long>(arguments.deadline * 1000))) : Deadline();
  const auto& stop = StopSource::never();
  Client client(arguments.options);
  Events events;
  const auto need = [&words](std::size_t count) -> Result<> {
    if (words.size() == count) return {};
    return fail(Code::invalid_argument, "{} operands are needed", count);
  };
  if (arguments.verb == "pull") {
    TRY(need(2));
    arguments.pull.deadline = deadline;
    const auto store = TRY(ContentStore::open(words[0]));
    const auto pulled = client.pull(TRY(Reference::parse(words[1])), store, arguments.pull, events.sink(), stop);
    if (!pulled) return std::unexpected(pulled.error());
    auto out = to_json(*pulled);
    out["events"] = events.take();
    return out;
  }
  if (arguments.verb == "push") {
    TRY(need(3));
    arguments.push.deadline = deadline;
    const auto store = TRY(ContentStore::open(words[0]));
    const auto digest =
        TRY(client.push(TRY(Reference::parse(words[1])), TRY(parse_digest(words[2])), store, arguments.push, events.sink(), stop));
    return json::object{{"digest", digest.str()}, {"events", events.take()}};
  }
  TRY(need(1));
  if (arguments.verb == "catalog") return names(client.catalog(words[0], stop, deadline));
  if (arguments.verb == "login") {
    TRY(client.login(words[0], arguments.options.credentials[words[0]], stop, deadline));
    return json::object{};
  }
  const auto reference = TRY(Reference::parse(words[0]));
  if (arguments.verb == "resolve") return to_json(TRY(client.resolve(reference, stop, deadline)));
  if (arguments.verb == "tags") return names(client.tags(reference, stop, deadline));
  if (arguments.verb != "delete") return fail(Code::invalid_argument, "no such verb: {}", arguments.verb);
  TRY(client.remove(reference, stop, deadline));
  return json::object{};
}

Result<> complete(Arguments& arguments) {
  auto& options = arguments.options;
  for (const auto& mirror : arguments.mirrors) {
    const auto equals = mirror.find('=');
    if (equals == std::string::npos) return fail(Code::invalid_argument, "--mirror takes domain=address");
    options.mirrors[mirror.substr(0, equals)].push_back(mirror.substr(equals + 1));
  }
  if (!arguments.platform.empty()) arguments.pull.platform = TRY(oci::parse_platform(arguments.platform));
  if (arguments.stall > 0) options.timeouts.stall = std::chrono::seconds(arguments.stall);
  if (arguments.connect > 0) options.timeouts.connect = std::chrono::seconds(arguments.connect);
  if (arguments.retry_base > 0) options.retry.base = std::chrono::milliseconds(arguments.retry_base);
  if (arguments.retry_cap > 0) options.retry.cap = std::chrono::milliseconds(arguments.retry_cap);
  if (arguments.max_retry_after > 0) options.retry.max_retry_after = std::chrono::seconds(arguments.max_retry_after);
  if (arguments.user.empty() && arguments.identity_token.empty()) return {};
  Credential credential{.identity_token = arguments.identity_token};
  credential.username = arguments.user.substr(0, arguments.user.find(':'));
  if (arguments.user.find(':') != std::string::npos) credential.password = arguments.user.substr(arguments.user.find(':') + 1);
  const auto& last = arguments.operands.at(arguments.verb == "pull" || arguments.verb == "push" ? 1 : 0);
  const bool is_domain_verb = arguments.verb == "login" || arguments.verb == "catalog";
  options.credentials[is_domain_verb ? last : TRY(Reference::parse(last)).domain] = credential;
  return {};
}

void declare(CLI::App& app, Arguments& arguments) {
  auto& options = arguments.options;
  app.add_option("--insecure", options.insecure_registries)->allow_extra_args(false);
  app.add_option("--mirror", arguments.mirrors)->allow_extra_args(false);
  app.add_option("--certs-dir", options.certs_dir);
  app.add_option("--docker-config", options.docker_config);
  app.add_option("--user", arguments.user);
  app.add_option("--identity-token", arguments.identity_token);
  app.add_option("--connections", options.connections);
  app.add_option("--tries", options.retry.tries);
  app.add_option("--retry-base", arguments.retry_base, "milliseconds");
  app.add_option("--retry-cap", arguments.retry_cap, "milliseconds");
  app.add_option("--max-retry-after", arguments.max_retry_after, "seconds");
  app.add_option("--stall", arguments.stall, "seconds");
  app.add_option("--connect", arguments.connect, "seconds");
  app.add_option("--low-speed", options.timeouts.low_speed, "bytes per second");
  app.add_option("--deadline", arguments.deadline, "seconds");
  app.add_option("--chunk", options.upload_chunk, "bytes");
  app.add_option("--layers", options.limits.layers);
  app.add_option("--platform", arguments.platform);
  app.add_flag("--all-platforms", arguments.pull.all_platforms);
  app.add_option("--mount-from", arguments.push.mount_from)->allow_extra_args(false);
  app.add_option("verb", arguments.verb)->required();
  app.add_option("operands", arguments.operands)->required();
}

int drive(int argc, char** argv) {
  Arguments arguments;
  CLI::App app("Drives the registry client");
  declare(app, arguments);
  CLI11_PARSE(app, argc, argv);
  const auto ready = complete(arguments);
  const auto done = ready ? execute(arguments) : Result<json::object>(std::unexpected(ready.error()));
  if (done) {
    std::cout << json::serialize(*done) << "\n";
    return 0;
  }
  const json::object error{{"code", to_string(done.error().code)}, {"message", done.error().message}};
  std::cout << json::serialize(json::object{{"error", error}}) << "\n";
  return 1;
}

}  // namespace
}  // namespace fulcrum::image::registry

int main(int argc, char** argv) { return fulcrum::image::registry::drive(argc, argv); }
