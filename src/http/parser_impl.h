// The Beast parser behind http/parser.h. Included by the two .cc files that instantiate it, and nowhere else.
#pragma once

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/beast/http/buffer_body.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/parser.hpp>
#include <limits>

#include "http/parser.h"

namespace fulcrum::http {

template <bool is_request>
class BeastParser final : public Parser {
 public:
  BeastParser(const ParserLimits& limits, bool no_body) : limits_(limits) {
    parser_.header_limit(static_cast<std::uint32_t>(std::min<std::size_t>(limits.max_header, std::numeric_limits<std::uint32_t>::max())));
    parser_.body_limit(boost::none);
    parser_.eager(false);
    if constexpr (!is_request) parser_.skip(no_body);
  }

  Result<std::size_t> feed_header(std::string_view data) override {
    std::size_t taken = 0;
    while (!parser_.is_header_done() && taken < data.size()) {
      boost::beast::error_code error;
      const auto n = parser_.put(boost::asio::const_buffer(data.data() + taken, data.size() - taken), error);
      taken += n;
      if (error == beast::error::need_more) break;
      if (error) return refuse(error);
      if (n == 0) break;
    }
    if (parser_.is_header_done() && !head_taken_) TRY(take_head());
    // Beast counts line by line; this bounds a line that never ends.
    if (!head_taken_ && data.size() - taken > limits_.max_header) return refuse(make_error_code(beast::error::header_limit));
    return taken;
  }

  bool header_done() const override { return head_taken_; }
  const Head& head() const override { return head_; }
  bool done() const override { return head_taken_ && parser_.is_done(); }

  Result<Step> feed_body(std::string_view data, char* out, std::size_t size) override {
    Step step;
    auto& body = parser_.get().body();
    while (!parser_.is_done() && step.produced < size && step.taken < data.size()) {
      body.data = out + step.produced;
      body.size = size - step.produced;
      body.more = true;
      const std::size_t room = body.size;
      boost::beast::error_code error;
      const auto n = parser_.put(boost::asio::const_buffer(data.data() + step.taken, data.size() - step.taken), error);
      step.taken += n;
      step.produced += room - body.size;
      if (error == beast::error::need_more) {
        // A chunk header or trailer that never ends.
        if (data.size() - step.taken > limits_.max_header) return refuse(make_error_code(beast::error::header_limit));
        break;
      }
      if (error && error != beast::error::need_buffer) return refuse(error);
      if (n == 0 && step.produced > 0) break;
    }
    return step;
  }

  Result<> feed_end() override {
    if (done()) return {};
    boost::beast::error_code error;
    if (parser_.is_header_done()) parser_.put_eof(error);
    if (!head_taken_ || error) return fail(Code::unavailable, "the peer hung up in the middle of a message");
    return {};
  }

 private:
  struct beast {
    using error = boost::beast::http::error;
  };

  static std::unexpected<Error> refuse(const boost::beast::error_code& error) {
    if (error == beast::error::header_limit) return fail(Code::resource_exhausted, "header too long");
    if (error == beast::error::bad_version) return fail(Code::unimplemented, "HTTP version not supported");
    return fail(Code::invalid_argument, "malformed HTTP: {}", error.message());
  }

  Result<> take_head() {
    const auto& message = parser_.get();
    head_.version = static_cast<int>(message.version());
    if constexpr (is_request) {
      head_.method = std::string(message.method_string());
      head_.target = std::string(message.target());
    } else {
      head_.status = static_cast<int>(message.result_int());
    }
    std::size_t count = 0;
    for (const auto& field : message) {
      if (++count > limits_.max_fields) return fail(Code::resource_exhausted, "more than {} header fields", limits_.max_fields);
      const auto name = field.name_string();
      const auto value = field.value();
      // One transfer coding only: what a second coding would mean to somebody in between is how requests are smuggled.
      if (field.name() == boost::beast::http::field::transfer_encoding && !boost::beast::iequals(value, "chunked"))
        return fail(Code::unimplemented, "transfer coding \"{}\"", std::string_view(value.data(), value.size()));
      head_.headers.add(std::string_view(name.data(), name.size()), std::string_view(value.data(), value.size()));
    }
    head_.chunked = parser_.chunked();
    head_.keep_alive = parser_.keep_alive();
    if (const auto length = parser_.content_length()) head_.length = *length;
    if (is_request && head_.chunked && head_.version == 10) return fail(Code::invalid_argument, "chunked body in HTTP/1.0");
    head_taken_ = true;
    return {};
  }

  const ParserLimits limits_;
  boost::beast::http::parser<is_request, boost::beast::http::buffer_body> parser_;
  Head head_;
  bool head_taken_ = false;
};

}  // namespace fulcrum::http
