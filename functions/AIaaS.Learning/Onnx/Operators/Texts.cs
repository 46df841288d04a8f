using Microsoft.ML.OnnxRuntime.Tensors;

namespace AIaaS.Learning.Onnx.Operators;

/// <summary>Operators on texts.</summary>
internal static class Texts
{
    /// <summary>Does the same with each row by itself, one after the other.</summary>
    /// <param name="rows">Of shape [rows, …].</param>
    /// <param name="body">From one row of shape […] to what becomes of it.</param>
    /// <returns>The results, row after row.</returns>
    public static Value ForEachRow(this Value rows, Func<Value, Value> body)
    {
        var inner = rows.Graph.Inner("each_row");
        var result = inner.Output("result", body(inner.Input("row", rows.Type, Shape.Of(rows.Shape.Skip(1)))));
        return rows.Graph.Apply(
            "Scan", [rows], result.Type, [rows.Shape[0], .. result.Shape], ("body", inner.ToModel().Graph), ("num_scan_inputs", 1L));
    }

    /// <summary>The letters A to Z in lower case; others stay, since the runtime knows no locale but C everywhere.</summary>
    /// <param name="texts">Of shape [rows].</param>
    public static Value LowerCase(this Value texts) =>
        texts.Graph.Apply("StringNormalizer", [texts], texts.Type, texts.Shape, ("case_change_action", "LOWER"), ("is_case_sensitive", 1L), ("locale", "C"));

    /// <summary>The parts of each text that match an RE2 expression.</summary>
    /// <param name="texts">Of shape [rows].</param>
    /// <param name="expression">What a token is; the longest match counts.</param>
    /// <param name="padding">What fills up the rows of fewer tokens.</param>
    /// <returns>Of shape [rows, most tokens].</returns>
    public static Value Tokenize(this Value texts, string expression, string padding) =>
        texts.Graph.Apply(
            "Tokenizer",
            [texts],
            [(TensorElementType.String, [texts.Shape[0], "tokens"])],
            GraphBuilder.RuntimeDomain,
            ("mark", 0L),
            ("mincharnum", 1L),
            ("pad_value", padding),
            ("tokenexp", expression))[0];

    /// <summary>How often each of some sequences of tokens occurs in a row, times its weight.</summary>
    /// <param name="tokens">Of shape [rows, tokens].</param>
    /// <param name="terms">Sequences of tokens, ordered by their length; the place of each is its column of the result.</param>
    /// <param name="weights">For each term.</param>
    public static Value CountTerms(this Value tokens, IReadOnlyList<string[]> terms, float[] weights)
    {
        var longest = terms[^1].Length;
        var starts = new long[longest];
        for (var length = 1; length < longest; length++)
            starts[length] = starts[length - 1] + ((long)length * terms.Count(term => term.Length == length));
        return tokens.Graph.Apply(
            "TfIdfVectorizer",
            [tokens],
            TensorElementType.Float,
            [tokens.Shape[0], terms.Count],
            ("max_gram_length", (long)longest),
            ("min_gram_length", 1L),
            ("max_skip_count", 0L),
            ("mode", "TFIDF"),
            ("ngram_counts", starts),
            ("ngram_indexes", Enumerable.Range(0, terms.Count).Select(i => (long)i).ToArray()),
            ("pool_strings", terms.SelectMany(term => term).ToArray()),
            ("weights", weights));
    }

    /// <summary>MurmurHash3 of 32 bits over the UTF-8 bytes, from 0.</summary>
    public static Value Hash(this Value texts) =>
        texts.Graph.Apply("MurmurHash3", [texts], [(TensorElementType.UInt32, texts.Shape)], GraphBuilder.RuntimeDomain, ("positive", 1L), ("seed", 0L))[0];
}
