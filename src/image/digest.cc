#include "image/digest.h"

#include <openssl/evp.h>

#include <algorithm>
#include <array>

namespace fulcrum::image {

namespace {

struct Algorithm {
  std::string_view name;
  std::size_t hex_length;
  const EVP_MD* (*evp)();
};
constexpr std::array kAlgorithms = {Algorithm{"sha256", 64, EVP_sha256}, Algorithm{"sha512", 128, EVP_sha512}};

const Algorithm* find_algorithm(std::string_view name) {
  const auto* found = std::find_if(kAlgorithms.begin(), kAlgorithms.end(), [&](const Algorithm& a) { return a.name == name; });
  return found == kAlgorithms.end() ? nullptr : found;
}

}  // namespace

Result<Digest> parse_digest(std::string_view text) {
  const auto shown = text.substr(0, 160);
  const auto colon = text.find(':');
  if (colon == std::string_view::npos || colon == 0) {
    return fail(Code::invalid_argument, "\"{}\" is not a digest (want algorithm:hex)", shown);
  }
  const auto* algorithm = find_algorithm(text.substr(0, colon));
  if (algorithm == nullptr) return fail(Code::unimplemented, "digest algorithm \"{}\"", shown.substr(0, colon));
  const auto hex = text.substr(colon + 1);
  const auto is_hex = [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); };
  if (hex.size() != algorithm->hex_length || !std::all_of(hex.begin(), hex.end(), is_hex)) {
    return fail(Code::invalid_argument, "\"{}\" is not a digest (want {} lower-case hexadecimal digits)", shown, algorithm->hex_length);
  }
  return Digest(std::string(text));
}

std::string_view digest_algorithm(const Digest& digest) {
  const std::string_view text = digest.str();
  return text.substr(0, text.find(':'));
}

std::string_view digest_hex(const Digest& digest) {
  const std::string_view text = digest.str();
  return text.substr(text.find(':') + 1);
}

struct Hasher::State {
  explicit State(const Algorithm& chosen) : algorithm(chosen), context(EVP_MD_CTX_new()) {
    FULCRUM_ASSERT(context != nullptr && EVP_DigestInit_ex(context, algorithm.evp(), nullptr) == 1);
  }
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  ~State() { EVP_MD_CTX_free(context); }

  const Algorithm& algorithm;
  EVP_MD_CTX* context;
};

Hasher::Hasher(std::unique_ptr<State> state) : state_(std::move(state)) {}
Hasher::Hasher(Hasher&&) noexcept = default;
Hasher& Hasher::operator=(Hasher&&) noexcept = default;
Hasher::~Hasher() = default;

Result<Hasher> Hasher::create(std::string_view algorithm) {
  const auto* found = find_algorithm(algorithm);
  if (found == nullptr) return fail(Code::unimplemented, "digest algorithm \"{}\"", algorithm.substr(0, 64));
  return Hasher(std::make_unique<State>(*found));
}

void Hasher::update(std::string_view data) { FULCRUM_ASSERT(EVP_DigestUpdate(state_->context, data.data(), data.size()) == 1); }

Digest Hasher::finish() {
  std::array<unsigned char, EVP_MAX_MD_SIZE> raw{};
  unsigned int size = 0;
  FULCRUM_ASSERT(EVP_DigestFinal_ex(state_->context, raw.data(), &size) == 1);
  std::string text(state_->algorithm.name);
  text += ':';
  constexpr std::string_view kHex = "0123456789abcdef";
  for (unsigned int i = 0; i < size; ++i) {
    text += kHex[raw[i] >> 4];
    text += kHex[raw[i] & 15];
  }
  return Digest(std::move(text));
}

Digest digest_of(std::string_view data) {
  auto hasher = Hasher::create();
  hasher->update(data);
  return hasher->finish();
}

}  // namespace fulcrum::image
