using System.Buffers;
using System.Text.Json;

namespace AIaaS.Serving.Predictions;

/// <summary>
/// Reads rows as most callers write them straight from their bytes, at a fraction of what a general reader of JSON takes for each
/// name and value. At a row that is written otherwise, or that is at fault, it stops and leaves that row to the general reader.
/// </summary>
internal static class JsonRowScanner
{
    private static readonly SearchValues<byte> EndsOfNumber = SearchValues.Create(",}] \n\r\t"u8);
    private static readonly SearchValues<byte> EndsOfText = SearchValues.Create("\"\\"u8);

    /// <param name="text">The body.</param>
    /// <param name="position">Behind the opening bracket of the rows, or behind one of them.</param>
    /// <param name="plan">The model's.</param>
    /// <param name="rows">Takes the rows.</param>
    /// <param name="columns">The feature of each value where rows are arrays; none is skipped.</param>
    /// <param name="context">The request's.</param>
    /// <returns>The position of the first row that is not read, or of what stands there instead of a row.</returns>
    /// <exception cref="PredictionRequestException">A value is not one of its feature, or is missing.</exception>
    /// <exception cref="JsonException">The text is not JSON; what the exception says of the place is not true of the body.</exception>
    public static int Read(
        ReadOnlySpan<byte> text, int position, PredictionPlan plan, RowBuffer rows, ReadOnlySpan<int> columns, in PredictionContext context)
    {
        while (true)
        {
            // A comma is passed only before a row: one that ends the array is for the general reader to refuse.
            var start = SkipSpace(text, position);
            if (rows.Rows > 0 && start < text.Length && text[start] != ']')
                start = text[start] == ',' ? SkipSpace(text, start + 1) : throw new JsonException();
            if (start >= text.Length || text[start] is not ((byte)'{' or (byte)'['))
                return position;
            if (rows.Rows == context.MaxRows)
                return start;
            rows.BeginRow();
            var end = start + 1;
            if (!(text[start] == '{' ? TryReadObject(text, ref end, plan, rows, context) : TryReadArray(text, ref end, rows, columns, context)))
            {
                rows.AbandonRow();
                return start;
            }

            rows.EndRow();
            position = end;
        }
    }

    private static bool TryReadObject(ReadOnlySpan<byte> text, ref int position, PredictionPlan plan, RowBuffer rows, in PredictionContext context)
    {
        var columns = rows.Columns;
        var at = SkipSpace(text, position);
        if (at < text.Length && text[at] == '}')
        {
            position = at + 1;
            return true;
        }

        for (var expected = 0; ; at = SkipSpace(text, at + 1))
        {
            // Callers mostly keep the order of the features; then no name has to be looked up.
            var feature = expected;
            if (expected < columns.Length && columns[expected].Plan.Utf8Key is { Length: > 0 } key && text[at..].StartsWith(key))
                at += key.Length;
            else if ((feature = ReadName(text, ref at, plan)) < 0)
                return false;
            if (!rows.TryGive(feature) || !TryReadValue(text, ref at, columns[feature], rows.Rows, context))
                return false;
            expected = feature + 1;
            at = SkipSpace(text, at);
            if (at >= text.Length)
                return false;
            if (text[at] == '}')
            {
                position = at + 1;
                return true;
            }

            if (text[at] != ',')
                return false;
        }
    }

    private static bool TryReadArray(ReadOnlySpan<byte> text, ref int position, RowBuffer rows, ReadOnlySpan<int> columns, in PredictionContext context)
    {
        var at = position;
        for (var column = 0; column < columns.Length; column++, at++)
        {
            if (!TryReadValue(text, ref at, rows.Columns[columns[column]], rows.Rows, context))
                return false;
            rows.TryGive(columns[column]);
            at = SkipSpace(text, at);
            if (at >= text.Length || text[at] != (column + 1 < columns.Length ? ',' : ']'))
                return false;
        }

        position = at;
        return columns.Length > 0;
    }

    /// <summary>Reads a name and the colon behind it.</summary>
    /// <returns>The feature, -1 where it is none or is not written plainly.</returns>
    private static int ReadName(ReadOnlySpan<byte> text, ref int position, PredictionPlan plan)
    {
        if (position >= text.Length || text[position] != '"')
            return -1;
        var name = text[(position + 1)..];
        var length = name.IndexOfAny(EndsOfText);
        if (length < 0 || name[length] != '"')
            return -1;
        var colon = SkipSpace(text, position + length + 2);
        if (colon >= text.Length || text[colon] != ':')
            return -1;
        position = colon + 1;
        return plan.FindFeature(name[..length]) is >= 0 and var feature && plan.Features[feature].Utf8Key.Length > 0 ? feature : -1;
    }

    private static bool TryReadValue(ReadOnlySpan<byte> text, ref int position, InputColumn column, int row, in PredictionContext context)
    {
        position = SkipSpace(text, position);
        var value = text[position..];
        var length = JsonNumber.Read(value, out var number);
        // What no number can be followed by makes it none.
        if (length > 0 && (length == value.Length || !EndsOfNumber.Contains(value[length])))
            return false;
        if (length > 0 && column.TryRead(number, row))
        {
            position += length;
            return true;
        }

        if (length == 0)
        {
            length = value switch
            {
                [(byte)'"', ..] => LengthOfText(value),
                [(byte)'n', (byte)'u', (byte)'l', (byte)'l', ..] or [(byte)'t', (byte)'r', (byte)'u', (byte)'e', ..] => 4,
                [(byte)'f', (byte)'a', (byte)'l', (byte)'s', (byte)'e', ..] => 5,
                _ => 0,
            };
            if (length == 0)
                return false;
        }

        var reader = new Utf8JsonReader(value[..length]);
        reader.Read();
        JsonRowReader.ReadValue(ref reader, column, row, context);
        position += length;
        return true;
    }

    /// <returns>Length of the string that the text begins with, quotes included; 0 where it does not end.</returns>
    private static int LengthOfText(ReadOnlySpan<byte> text)
    {
        for (var position = 1; position < text.Length; position += 2)
        {
            var next = text[position..].IndexOfAny(EndsOfText);
            if (next < 0)
                return 0;
            position += next;
            if (text[position] == '"')
                return position + 1;
        }

        return 0;
    }

    private static int SkipSpace(ReadOnlySpan<byte> text, int position)
    {
        while (position < text.Length && text[position] is (byte)' ' or (byte)'\n' or (byte)'\r' or (byte)'\t')
            position++;
        return position;
    }
}
