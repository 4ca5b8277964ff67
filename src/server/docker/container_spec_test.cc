#include "server/docker/container_spec.h"

#include <gmock/gmock.h>

#include "api/docker/container_schema.h"
#include "api/workload/codec.h"
#include "base/sys.h"
#include "base/testing.h"
#include "server/docker/container_inspect.h"
#include "server/docker/notation.h"

namespace fulcrum::server::docker {
namespace {

namespace json = boost::json;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

/// A host with four CPUs, the networks back and front, and one container "base" that has two volumes.
class Fake final : public Surroundings {
 public:
  Result<api::Workload> container(std::string_view reference) const override {
    if (reference != "base") return fail(Code::not_found, "No such container: {}", reference);
    api::Workload base;
    base.metadata.uid = "feed";
    base.spec.volumes = {{.type = "bind", .source = "/tmp", .target = "/b"}, {.type = "tmpfs", .target = "/t"}};
    base.status.mounts = {{.type = "bind", .source = "/tmp", .target = "/b"},
                          {.type = "tmpfs", .target = "/t"},
                          {.type = "volume", .name = "anon", .target = "/v", .anonymous = true}};
    return base;
  }
  Result<std::string> network(std::string_view reference) const override {
    if (reference == "back" || reference == "front") return std::string(reference);
    if (reference == "cafe01") return std::string("back");
    return fail(Code::not_found, "network {} not found", reference);
  }
  Result<api::Topology> runtime(std::string_view name) const override {
    if (name.empty() || name == "runc") return api::Topology::container;
    return fail(Code::invalid_argument, "unknown or invalid runtime name: {}", name);
  }
  Result<bool> exists(const std::string& path) const override { return path == "/tmp"; }
  unsigned cpus() const override { return 4; }
  bool selinux() const override { return false; }
};

oci::ImageConfig box() {
  oci::ImageConfig image;
  image.config.cmd = {"sh"};
  image.config.env = {"PATH=/bin", "A=0"};
  image.config.labels = {{"from", "image"}};
  return image;
}

Result<SpecAnswer> translate(std::string_view body, const oci::ImageConfig& image = box(), ApiVersion version = kMaxVersion) {
  SpecRequest request{.name = "c", .short_id = "0123456789ab", .version = version};
  request.body = TRY(schema::decode_text<api::docker::CreateBody>(body, schema::UnknownFields::reject_set, schema::MemberNames::any_case));
  return container_spec(request, image, Fake());
}

json::value inspected(const SpecAnswer& answer) {
  api::Workload workload;
  workload.metadata.uid = "0123456789abcdef";
  workload.spec = answer.spec;
  return json::parse(view_container(workload, box(), {}, {}));
}

std::string message(std::string_view body, ApiVersion version = kMaxVersion) {
  const auto answer = translate(body, box(), version);
  return answer ? "accepted" : answer.error().message;
}

// Every member of a body that uses all of them is shown again as it was written.
TEST(ContainerSpec, what_was_created_is_what_is_inspected) {
  const auto text = sys::read_file(std::string(FULCRUM_SOURCE_DIR) + "/tests/data/api/docker/create_full.json").value();
  const auto body = json::parse(text).as_object();
  const auto answer = translate(text);
  ASSERT_TRUE(answer) << answer.error().message;
  const auto seen = inspected(*answer).as_object();
  for (const auto& [name, value] : body.at("HostConfig").as_object())
    EXPECT_EQ(seen.at("HostConfig").as_object().at(name), value) << std::string_view(name);
  for (const auto& [name, value] : body) {
    if (name == "HostConfig" || name == "NetworkingConfig" || name == "Env" || name == "Labels" || name == "Healthcheck") continue;
    EXPECT_EQ(seen.at("Config").as_object().at(name), value) << std::string_view(name);
  }
  const auto& config = seen.at("Config").as_object();
  EXPECT_EQ(json::serialize(config.at("Env")), R"(["A=1","B","PATH=/bin"])");
  EXPECT_EQ(json::serialize(config.at("Labels")), R"({"a":"b","from":"image"})");
  const auto& networks = seen.at("NetworkSettings").at("Networks").as_object();
  EXPECT_EQ(json::serialize(networks.at("back").at("Aliases")), R"(["web"])");
  EXPECT_EQ(networks.at("back").at("IPAMConfig").at("IPv4Address").as_string(), "10.1.0.9");
  EXPECT_EQ(answer->spec.networks.at(1).priority, 3);
}

// The same spec without the notation says the same things in the engine's own way of writing them.
TEST(ContainerSpec, notation_carries_no_meaning) {
  const auto text = sys::read_file(std::string(FULCRUM_SOURCE_DIR) + "/tests/data/api/docker/create_full.json").value();
  auto answer = translate(text);
  ASSERT_TRUE(answer);
  answer->spec.annotations.erase(std::string(kNotationKey));
  const auto seen = inspected(*answer);
  auto again = json::object{{"Image", "box"}, {"HostConfig", seen.at("HostConfig")}};
  for (const auto& [name, value] : seen.at("Config").as_object()) again[name] = value;
  again["NetworkingConfig"] = json::parse(text).at("NetworkingConfig");
  const auto second = translate(json::serialize(again));
  ASSERT_TRUE(second) << second.error().message;
  EXPECT_EQ(second->spec.security, answer->spec.security);
  EXPECT_EQ(second->spec.resources, answer->spec.resources);
  EXPECT_EQ(second->spec.namespaces, answer->spec.namespaces);
  EXPECT_EQ(second->spec.health, answer->spec.health);
  EXPECT_EQ(second->spec.restart, answer->spec.restart);
}

TEST(ContainerSpec, commands_by_docker_s_rules) {
  auto image = box();
  image.config.entrypoint = {"/entry"};
  const auto words = [&](std::string_view body) {
    const auto answer = translate(body, image);
    return answer ? std::pair(answer->spec.entrypoint, answer->spec.command.words)
                  : std::pair(std::optional<api::Command>(), std::vector<std::string>{"error"});
  };
  using Words = std::vector<std::string>;
  EXPECT_EQ(words(R"({"Image":"x"})"), std::pair(std::optional<api::Command>(), Words{}));
  EXPECT_EQ(words(R"({"Image":"x","Cmd":"one word"})").second, Words{"one word"});
  EXPECT_EQ(words(R"({"Image":"x","Entrypoint":[]})"), std::pair(std::optional(api::Command{}), Words{"sh"}));
  EXPECT_EQ(words(R"({"Image":"x","Entrypoint":[""]})").second, Words{"error"});
  EXPECT_EQ(words(R"({"Image":"x","Entrypoint":[""],"Cmd":["ls"]})"), std::pair(std::optional(api::Command{}), Words{"ls"}));
  EXPECT_EQ(words(R"({"Image":"x","Entrypoint":"/mine"})"), std::pair(std::optional(api::Command{{"/mine"}}), Words{}));
}

TEST(ContainerSpec, defaults_of_a_container) {
  const auto answer = translate(R"({"Image":"box"})");
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->spec.hostname, "0123456789ab");
  EXPECT_EQ(answer->spec.pull, "never");
  EXPECT_EQ(answer->spec.log.driver, "json-file");
  EXPECT_TRUE(answer->spec.networks.empty() && answer->spec.network.empty());
  EXPECT_TRUE(answer->spec.annotations.empty());
  const auto host = inspected(*answer).at("HostConfig");
  EXPECT_EQ(host.at("NetworkMode").as_string(), "bridge");
  EXPECT_EQ(host.at("ShmSize").as_int64(), 64 << 20);
  EXPECT_TRUE(host.at("PidsLimit").is_null());
  EXPECT_EQ(host.at("Runtime").as_string(), "runc");
}

TEST(ContainerSpec, volumes_of_other_containers_give_way) {
  const auto answer =
      translate(R"({"Image":"box","Volumes":{"/v":{},"/own":{}},"HostConfig":{"VolumesFrom":["base:ro"],"Binds":["x:/b"]}})");
  ASSERT_TRUE(answer) << answer.error().message;
  std::vector<std::string> mounts;
  for (const auto& mount : answer->spec.volumes)
    mounts.push_back(mount.type + " " + mount.source + " " + mount.target + (mount.read_only ? " ro" : ""));
  EXPECT_THAT(mounts, ElementsAre("volume anon /v ro", "volume x /b", "volume  /own"));
}

TEST(ContainerSpec, networks_by_name_and_id) {
  const auto answer =
      translate(R"({"Image":"box","HostConfig":{"NetworkMode":"cafe01"},"NetworkingConfig":{"EndpointsConfig":{"front":null}}})");
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->spec.networks.at(0).name, "back");
  EXPECT_EQ(answer->spec.networks.at(1).name, "front");
  EXPECT_EQ(translate(R"({"Image":"box","HostConfig":{"NetworkMode":"container:base"}})")->spec.network, "container:feed");
  EXPECT_EQ(translate(R"({"Image":"box","HostConfig":{"NetworkMode":"host"}})")->spec.hostname, "");
  EXPECT_EQ(translate(R"({"Image":"box","NetworkDisabled":true})")->spec.network, "none");
  EXPECT_THAT(message(R"({"Image":"box","NetworkingConfig":{"EndpointsConfig":{"back":{},"front":{}}}})", {1, 43}),
              HasSubstr("multiple network endpoints"));
  EXPECT_THAT(message(R"({"Image":"box","NetworkingConfig":{"EndpointsConfig":{"bridge":{"Aliases":["x"]}}}})"),
              HasSubstr("only supported for user-defined networks"));
  EXPECT_THAT(message(R"({"Image":"box","NetworkingConfig":{"EndpointsConfig":{"back":{"DriverOpts":{"a":"b"}}}}})"),
              HasSubstr("DriverOpts: a"));
}

TEST(ContainerSpec, read_only_binds_of_old_clients_do_not_reach_below) {
  constexpr std::string_view kBody = R"({"Image":"box","HostConfig":{"Binds":["/tmp:/x:ro"]}})";
  EXPECT_TRUE(translate(kBody)->spec.volumes.at(0).recursive_read_only);
  EXPECT_FALSE(translate(kBody, box(), {1, 43})->spec.volumes.at(0).recursive_read_only);
}

TEST(ContainerSpec, refusals_name_the_field) {
  EXPECT_THAT(message(R"({"Image":"box","OnBuild":["RUN x"]})"), HasSubstr("OnBuild"));
  EXPECT_THAT(message(R"({"Image":"box","ArgsEscaped":true})"), HasSubstr("ArgsEscaped"));
  EXPECT_THAT(message(R"({"Image":"box","Unheard":1})"), HasSubstr("Unheard: unknown field"));
  EXPECT_THAT(message(R"({"Image":"box","HostConfig":{"NanoCpus":5000000000}})"), HasSubstr("range of CPUs is from 0.01 to 4.00"));
  EXPECT_THAT(message(R"({"Image":"box","HostConfig":{"PortBindings":{"80/tcp":[{"HostPort":"8000-8010"}]}}})"), HasSubstr("PortBindings"));
  EXPECT_THAT(message(R"({"Image":"box","HostConfig":{"ExtraHosts":["a:10.0.0.1","a:10.0.0.2"]}})"), HasSubstr("ExtraHosts: a"));
  EXPECT_THAT(message(R"({"Image":"box","HostConfig":{"Annotations":{"fulcrum.docker.notation":"x"}}})"), HasSubstr("Annotations"));
  EXPECT_EQ(message(R"({"Image":"box","Unheard":null,"HostConfig":{"Other":[]}})"), "accepted");
}

TEST(ContainerSpec, update_lays_limits_over) {
  api::Resources limits;
  limits.memory = Size{64 << 20};
  limits.memory_swap = "128Mi";
  limits.pids = 10;
  ASSERT_TRUE(lay_over({.cpu_shares = 7, .pids_limit = -1}, limits));
  EXPECT_EQ(limits.memory->bytes, 64 << 20);
  EXPECT_EQ(limits.cpu_shares, 7u);
  EXPECT_EQ(limits.pids, -1);
  const auto over = lay_over({.memory = 256 << 20}, limits);
  ASSERT_FALSE(over);
  EXPECT_THAT(over.error().message, HasSubstr("already set memoryswap limit"));
  limits.cpus = 1;
  EXPECT_FALSE(lay_over({.cpu_quota = 5000}, limits));
}

TEST(ContainerInspect, states) {
  api::WorkloadStatus status{.phase = api::Phase::stopped, .exit_code = 3};
  status.started = Time{std::chrono::seconds(1)};
  auto state = view_state(status);
  EXPECT_EQ(state.status, "exited");
  EXPECT_EQ(state.exit_code, 3);
  EXPECT_EQ(state.started_at, "1970-01-01T00:00:01.000000000Z");
  EXPECT_EQ(state.finished_at, "0001-01-01T00:00:00Z");
  status.phase = api::Phase::failed;
  status.message = "no such program";
  EXPECT_EQ(view_state(status).error, "no such program");
  status.health.status = "healthy";
  EXPECT_EQ(view_state(status).health->status, "healthy");
}

}  // namespace
}  // namespace fulcrum::server::docker
