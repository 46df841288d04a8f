using System.Buffers;
using System.Text;
using System.Text.Json;

namespace AIaaS.Serving.Predictions;

/// <summary>Reads the body <c>{"rows":[…]}</c> into columns; a row is an object by feature name, or an array in feature order.</summary>
internal static class JsonRowReader
{
    private const int LongestCopy = 4 << 20;

    private const string Form = "Send {\"rows\":[{\"feature\":value, …}, …]}.";

    /// <exception cref="PredictionRequestException">The body has to be changed.</exception>
    public static void Read(in ReadOnlySequence<byte> body, PredictionPlan plan, RowBuffer rows, UnknownFeaturePolicy unknown, int maxRows)
    {
        rows.Clear();
        // The reader takes longer over a text in pieces than copying them together does.
        var whole = body.IsSingleSegment || body.Length > LongestCopy ? null : ArrayPool<byte>.Shared.Rent((int)body.Length);
        try
        {
            var reader = whole is null ? new Utf8JsonReader(WithoutByteOrderMark(body)) : new Utf8JsonReader(WithoutByteOrderMark(Join(body, whole)));
            ReadBody(ref reader, plan, rows, unknown, maxRows);
        }
        catch (JsonException e)
        {
            throw new PredictionRequestException(PredictionError.MalformedRequest,
                $"The body is not valid JSON: line {e.LineNumber + 1}, byte {e.BytePositionInLine + 1}.");
        }
        finally
        {
            if (whole is not null)
                ArrayPool<byte>.Shared.Return(whole);
        }
    }

    private static ReadOnlySequence<byte> Join(in ReadOnlySequence<byte> body, byte[] whole)
    {
        body.CopyTo(whole);
        return new(whole, 0, (int)body.Length);
    }

    private static ReadOnlySequence<byte> WithoutByteOrderMark(in ReadOnlySequence<byte> body)
    {
        Span<byte> start = stackalloc byte[3];
        if (body.Length < start.Length)
            return body;
        body.Slice(0, start.Length).CopyTo(start);
        return start.SequenceEqual(Encoding.UTF8.Preamble) ? body.Slice(start.Length) : body;
    }

    private static void ReadBody(ref Utf8JsonReader reader, PredictionPlan plan, RowBuffer rows, UnknownFeaturePolicy unknown, int maxRows)
    {
        reader.Read();
        if (reader.TokenType != JsonTokenType.StartObject)
            throw Malformed($"The body is not an object. {Form}");
        var found = false;
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            if (!NameIs(ref reader, "rows"u8))
                throw Malformed($"The body has the unknown property '{Excerpt.Of(Name(ref reader))}'. {Form}");
            if (found)
                throw Malformed("The body has 'rows' twice.");
            found = true;
            reader.Read();
            if (reader.TokenType != JsonTokenType.StartArray)
                throw Malformed($"'rows' is not an array. {Form}");
            ReadRows(ref reader, plan, rows, unknown, maxRows);
        }

        if (!found)
            throw Malformed($"The body has no 'rows'. {Form}");
        // Whatever follows the body is an error that the reader finds.
        reader.Read();
    }

    private static void ReadRows(ref Utf8JsonReader reader, PredictionPlan plan, RowBuffer rows, UnknownFeaturePolicy unknown, int maxRows)
    {
        while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
        {
            if (rows.Rows == maxRows)
                throw new PredictionRequestException(PredictionError.TooManyRows, $"A request may have {maxRows} rows at most; send more in several requests.");
            rows.BeginRow();
            switch (reader.TokenType)
            {
                case JsonTokenType.StartObject:
                    ReadObject(ref reader, plan, rows, unknown);
                    break;
                case JsonTokenType.StartArray:
                    ReadArray(ref reader, rows);
                    break;
                default:
                    throw Malformed($"rows[{rows.Rows}] is neither an object nor an array. {Form}");
            }

            rows.EndRow();
        }
    }

    private static void ReadObject(ref Utf8JsonReader reader, PredictionPlan plan, RowBuffer rows, UnknownFeaturePolicy unknown)
    {
        var columns = rows.Columns;
        var expected = 0;
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            // Callers mostly keep the order of the features; then no name has to be looked up.
            var feature = expected < columns.Length && NameIs(ref reader, columns[expected].Plan.Utf8Name)
                ? expected
                : FindFeature(ref reader, plan);
            if (feature < 0)
            {
                if (unknown == UnknownFeaturePolicy.Refuse)
                    throw UnknownFeature(ref reader, plan, rows.Rows);
                reader.Skip();
                continue;
            }

            if (!rows.TryGive(feature))
                throw new PredictionRequestException(PredictionError.DuplicateFeature, rows.Rows, plan.Features[feature].Feature.Name, "it is given twice.");
            reader.Read();
            columns[feature].Read(ref reader, rows.Rows);
            expected = feature + 1;
        }
    }

    private static void ReadArray(ref Utf8JsonReader reader, RowBuffer rows)
    {
        var columns = rows.Columns;
        var feature = 0;
        for (; reader.Read() && reader.TokenType != JsonTokenType.EndArray; feature++)
        {
            if (feature == columns.Length)
                throw Malformed($"rows[{rows.Rows}] has more values than the model's {columns.Length} features; as an array, a row has one value for each in their order.");
            rows.TryGive(feature);
            columns[feature].Read(ref reader, rows.Rows);
        }

        if (feature < columns.Length)
            throw Malformed($"rows[{rows.Rows}] has {feature} values for {columns.Length} features; as an array, a row has one value for each in their order, null where it is missing.");
    }

    /// <summary>Compares a name that may not be valid Unicode, which the reader's own comparison throws on.</summary>
    private static bool NameIs(ref Utf8JsonReader reader, ReadOnlySpan<byte> name) =>
        !reader.ValueIsEscaped && reader.ValueTextEquals(name);

    private static int FindFeature(ref Utf8JsonReader reader, PredictionPlan plan)
    {
        const int OnStack = 256;
        var length = JsonTokens.LengthOf(ref reader);
        var rented = length > OnStack ? ArrayPool<byte>.Shared.Rent(length) : null;
        var buffer = rented ?? stackalloc byte[OnStack];
        try
        {
            return plan.FindFeature(buffer[..reader.CopyString(buffer)]);
        }
        catch (InvalidOperationException)
        {
            throw Malformed("The name of a feature is not valid UTF-8.");
        }
        finally
        {
            if (rented is not null)
                ArrayPool<byte>.Shared.Return(rented);
        }
    }

    private static PredictionRequestException UnknownFeature(ref Utf8JsonReader reader, PredictionPlan plan, int row)
    {
        var name = Name(ref reader);
        if (name == plan.Signature.Target?.Name)
            return new(PredictionError.UnknownFeature, row, name, "this is what the model predicts; leave it out.");
        var close = CloseNames.Find(name, plan.Features.Select(f => f.Feature.Name));
        var remedy = close.Count > 0
            ? $"Is {string.Join(" or ", close.Select(n => $"'{n}'"))} meant?"
            : $"Its features are {string.Join(", ", plan.Features.Take(20).Select(f => $"'{f.Feature.Name}'"))}{(plan.Features.Length > 20 ? ", …" : "")}.";
        return new(PredictionError.UnknownFeature, row, name, $"the model has no such feature. {remedy}");
    }

    private static string Name(ref Utf8JsonReader reader)
    {
        try
        {
            return reader.GetString()!;
        }
        catch (InvalidOperationException)
        {
            throw Malformed("The name of a property is not valid UTF-8.");
        }
    }

    private static PredictionRequestException Malformed(string detail) => new(PredictionError.MalformedRequest, detail);
}
