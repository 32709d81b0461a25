#include "drivers/api/fts.h"

#include <algorithm>
#include <array>

namespace phios::sqlite {

namespace {

// Sorted. Words that say what kind of question it is and not what it is about.
constexpr std::array<std::string_view, 71> kCommonWords = {
    "a",  "about", "all",   "an",   "and",  "any",   "are",   "as",    "at",     "be",    "been", "but",
    "by", "can",   "could", "did",  "do",   "does",  "for",   "from",  "give",   "had",   "has",  "have",
    "he", "her",   "him",   "his",  "how",  "i",     "if",    "in",    "into",   "is",    "it",   "its",
    "ll", "many",  "me",    "much", "my",   "of",    "on",    "or",    "please", "s",     "she",  "some",
    "t",  "tell",  "than",  "that", "the",  "their", "them",  "there", "these",  "they",  "this", "those",
    "to", "was",   "we",    "were", "what", "when",  "where", "which", "who",    "whose", "with"};
static_assert(std::ranges::is_sorted(kCommonWords));

bool is_word_byte(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return byte >= 0x80 || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

std::string quoted(std::string_view text) { return '"' + std::string(text) + '"'; }

}  // namespace

std::vector<std::string> query_words(std::string_view text) {
  std::vector<std::string> all;
  for (size_t i = 0; i < text.size() && all.size() < 2 * kQueryWordsMax;) {
    std::string word;
    while (i < text.size() && is_word_byte(text[i])) word += lower(text[i++]);
    if (word.empty()) ++i;
    if (!word.empty()) all.push_back(std::move(word));
  }
  std::vector<std::string> rare;
  for (const std::string& word : all) {
    if (!std::ranges::binary_search(kCommonWords, word)) rare.push_back(word);
  }
  std::vector<std::string>& words = rare.empty() ? all : rare;
  if (words.size() > kQueryWordsMax) words.resize(kQueryWordsMax);
  return std::move(words);
}

std::string match_expression(const std::vector<std::string>& words) {
  std::string out;
  for (size_t i = 0; i < words.size(); ++i) {
    if (i > 0) out += " OR " + quoted(words[i - 1] + ' ' + words[i]) + " OR ";
    out += quoted(words[i]);
  }
  return out;
}

}  // namespace phios::sqlite
