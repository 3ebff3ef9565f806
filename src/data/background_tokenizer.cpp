#include "data/background_tokenizer.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "data/white_space.h"

namespace bertft::data {
namespace {

constexpr std::size_t kChunkBytes = std::size_t{1} << 18;  // a millisecond of work
constexpr std::size_t kBytesPerToken = 4;                  // of English; room that is not used costs no memory

}  // namespace

BackgroundTokenizer::BackgroundTokenizer(const tokenizer::Tokenizer& tokenizer,
                                         std::optional<std::int64_t> max_questions)
    : tokenizer_(tokenizer),
      max_questions_(max_questions.value_or(std::numeric_limits<std::int64_t>::max())),
      tokens_(std::async([this] { return tokenize_chunks(); })) {}

BackgroundTokenizer::~BackgroundTokenizer() {
  const std::lock_guard lock(mutex_);
  chunks_.clear();
  ended_ = true;
  changed_.notify_one();
}

void BackgroundTokenizer::add_context(std::string_view text) {
  // Its questions begin behind the last context at the earliest.
  add(num_before_ < max_questions_ ? text : std::string_view(), true);
  num_before_ = num_questions_;
}

void BackgroundTokenizer::add_question(std::string_view text) {
  add(num_questions_ < max_questions_ ? lstrip(text) : std::string_view(), false);
  ++num_questions_;
}

void BackgroundTokenizer::add(std::string_view text, bool is_context) {
  chunk_.bytes += text;
  chunk_.texts.push_back({chunk_.bytes.size(), is_context});
  if (chunk_.bytes.size() >= kChunkBytes) hand_over();
}

Tokens BackgroundTokenizer::finish() {
  hand_over();
  {
    const std::lock_guard lock(mutex_);
    ended_ = true;
  }
  changed_.notify_one();
  return tokens_.get();
}

void BackgroundTokenizer::hand_over() {
  {
    const std::lock_guard lock(mutex_);
    chunks_.push_back(std::exchange(chunk_, {}));
  }
  changed_.notify_one();
}

std::optional<BackgroundTokenizer::Chunk> BackgroundTokenizer::next() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return ended_ || !chunks_.empty(); });
  if (chunks_.empty()) return std::nullopt;
  Chunk chunk = std::move(chunks_.front());
  chunks_.pop_front();
  return chunk;
}

Tokens BackgroundTokenizer::tokenize_chunks() {
  Tokens tokens;
  tokens.special = tokenizer_.special_ids();
  while (const std::optional<Chunk> chunk = next()) tokenize_chunk(*chunk, tokens);
  return tokens;
}

void BackgroundTokenizer::tokenize_chunk(const Chunk& chunk, Tokens& tokens) const {
  std::vector<tokenizer::Token>& arena = tokens.storage.emplace_back();
  arena.reserve(chunk.bytes.size() / kBytesPerToken);
  std::vector<std::size_t> ends;
  std::size_t begin = 0;
  for (const Chunk::Text& text : chunk.texts) {
    tokenizer_.encode(std::string_view(chunk.bytes).substr(begin, text.end - begin), arena);
    ends.push_back(arena.size());
    begin = text.end;
  }
  // Only now do the tokens stay where they are.
  begin = 0;
  for (std::size_t i = 0; i < ends.size(); begin = ends[i++]) {
    (chunk.texts[i].is_context ? tokens.contexts : tokens.questions)
        .push_back(std::span(arena).subspan(begin, ends[i] - begin));
  }
}

double Tokens::unknown_share() const {
  std::uint64_t num_tokens = 0, num_unknown = 0;
  for (const auto* texts : {&contexts, &questions}) {
    for (const auto& text : *texts) {
      num_tokens += text.size();
      num_unknown += static_cast<std::uint64_t>(std::ranges::count(text, special.unk, &tokenizer::Token::id));
    }
  }
  return num_tokens == 0 ? 0 : static_cast<double>(num_unknown) / static_cast<double>(num_tokens);
}

void Tokens::mark_ids(std::vector<bool>& used) const {
  for (const std::uint32_t id : {special.cls, special.sep, special.unk}) used[id] = true;
  for (const auto& tokens : storage) {
    for (const tokenizer::Token& token : tokens) used[token.id] = true;
  }
}

void Tokens::renumber(std::span<const std::uint32_t> numbers) {
  for (std::uint32_t* id : {&special.cls, &special.sep, &special.unk}) *id = numbers[*id];
  for (auto& tokens : storage) {
    for (tokenizer::Token& token : tokens) token.id = numbers[token.id];
  }
}

Tokens tokenize(const Dataset& dataset, const tokenizer::Tokenizer& tokenizer) {
  BackgroundTokenizer tokenizing(tokenizer, std::nullopt);
  for (const std::string& context : dataset.contexts) tokenizing.add_context(context);
  for (const Question& question : dataset.questions) tokenizing.add_question(question.text);
  return tokenizing.finish();
}

}  // namespace bertft::data
