using System.Runtime.InteropServices;
using System.Text;
using AIaaS.Learning.Trainers;

namespace AIaaS.Learning.Features;

/// <summary>
/// Terms of texts: sequences of words, each of two or more letters, digits or underscores, with the letters A to Z in lower case.
/// These are the tokens that <see cref="TextEncoder"/>'s graph finds. Beyond some millions of terms at once those that were rare until then are
/// forgotten (lossy counting, Manku and Motwani 2002): what is frequent stays, and memory is bounded whatever the texts.
/// </summary>
internal sealed class TermCounts
{
    /// <summary>A word as the graph's tokenizer takes it (RE2).</summary>
    public const string Word = @"[\p{L}\p{N}_]{2,}";

    private const int MostTermsAtOnce = 3_000_000;

    private readonly Dictionary<string, int> _words = new(StringComparer.Ordinal);
    private readonly List<string> _texts = [];
    private readonly Dictionary<(int, int, int), int> _terms = [];
    private readonly List<Term> _found = [];
    private int _rare;

    private TermCounts()
    {
    }

    /// <summary>All terms, in the order in which they were first met.</summary>
    public IReadOnlyList<Term> Terms => _found;

    /// <param name="texts">One for each row.</param>
    /// <param name="longest">Words of the longest term, 1 to 3.</param>
    /// <param name="classes">The class of each row, by which rows are counted as well; null for none.</param>
    /// <param name="classCount">Number of classes.</param>
    /// <param name="most">Terms at once, above which rare ones are forgotten.</param>
    public static TermCounts Of(string[] texts, int longest, int[]? classes = null, int classCount = 0, int most = MostTermsAtOnce)
    {
        var counts = new TermCounts();
        var words = new List<int>();
        for (var row = 0; row < texts.Length; row++)
        {
            words.Clear();
            counts.Split(texts[row], words);
            for (var length = 1; length <= longest; length++)
            {
                for (var at = 0; at + length <= words.Count; at++)
                    counts.Count((words[at], length > 1 ? words[at + 1] : -1, length > 2 ? words[at + 2] : -1), row, classes, classCount);
            }

            if (counts._found.Count > most)
                counts.Forget(most);
        }

        return counts;
    }

    public string[] WordsOf(Term term) => term.Key switch
    {
        (var one, -1, _) => [_texts[one]],
        (var one, var two, -1) => [_texts[one], _texts[two]],
        (var one, var two, var three) => [_texts[one], _texts[two], _texts[three]],
    };

    private void Count((int, int, int) key, int row, int[]? classes, int classCount)
    {
        ref var index = ref CollectionsMarshal.GetValueRefOrAddDefault(_terms, key, out var known);
        if (!known)
        {
            index = _found.Count;
            _found.Add(new Term(key, classes is null ? null : new int[classCount]));
        }

        var term = _found[index];
        term.Occurrences++;
        if (term.LastRow == row)
            return;
        term.LastRow = row;
        term.Rows++;
        if (classes is not null)
            term.RowsOfClass![classes[row]]++;
    }

    private void Forget(int most)
    {
        // Until there is room again: else the next row would have to forget at once.
        while (_found.Count > most / 2)
        {
            _rare++;
            _found.RemoveAll(term => term.Rows <= _rare);
        }

        _terms.Clear();
        foreach (var (index, term) in _found.Index())
            _terms.Add(term.Key, index);
    }

    private void Split(string text, List<int> into)
    {
        var known = _words.GetAlternateLookup<ReadOnlySpan<char>>();
        var lower = text.Length <= 1024 ? stackalloc char[text.Length] : new char[text.Length];
        for (var i = 0; i < text.Length; i++)
            lower[i] = char.IsAsciiLetterUpper(text[i]) ? (char)(text[i] | 0x20) : text[i];

        var (from, letters, at) = (0, 0, 0);
        while (at < lower.Length)
        {
            Rune.DecodeFromUtf16(lower[at..], out var rune, out var length);
            if (Rune.IsLetterOrDigit(rune) || rune.Value == '_' || Rune.IsNumber(rune))
            {
                letters++;
            }
            else
            {
                Add(lower[from..at]);
                (from, letters) = (at + length, 0);
            }

            at += length;
        }

        Add(lower[from..]);

        void Add(ReadOnlySpan<char> word)
        {
            if (letters < 2)
                return;
            if (!known.TryGetValue(word, out var number))
            {
                number = _texts.Count;
                var kept = word.ToString();
                _words.Add(kept, number);
                _texts.Add(kept);
            }

            into.Add(number);
        }
    }

    /// <summary>A sequence of words, and how often it was met.</summary>
    internal sealed class Term((int, int, int) key, int[]? rowsOfClass)
    {
        public (int, int, int) Key { get; } = key;

        public int Length => Key.Item2 < 0 ? 1 : Key.Item3 < 0 ? 2 : 3;

        public int Occurrences { get; set; }

        /// <summary>Rows that have it.</summary>
        public int Rows { get; set; }

        public int LastRow { get; set; } = -1;

        public int[]? RowsOfClass { get; } = rowsOfClass;
    }
}
