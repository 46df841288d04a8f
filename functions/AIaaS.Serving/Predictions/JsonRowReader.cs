using System.Buffers;
using System.Text;
using System.Text.Json;

namespace AIaaS.Serving.Predictions;

/// <summary>
/// Reads the body <c>{"rows":[…]}</c> into columns. A row is an object by feature name, or an array: in the order of <c>columns</c>
/// where the body names them before the rows, else in that of the features.
/// </summary>
internal static class JsonRowReader
{
    private const int LongestCopy = 4 << 20;

    private const string Form = "Send {\"rows\":[{\"feature\":value, …}, …]}.";
    private const int MostColumns = 1 << 16;

    /// <summary>After so many rows in succession that could not be scanned, no more are tried.</summary>
    private const int MostLeft = 8;

    /// <exception cref="PredictionRequestException">The body has to be changed.</exception>
    public static void Read(in ReadOnlySequence<byte> body, PredictionPlan plan, RowBuffer rows, in PredictionContext context)
    {
        // The reader takes longer over a text in pieces than copying them together does.
        var whole = body.IsSingleSegment || body.Length > LongestCopy ? null : ArrayPool<byte>.Shared.Rent((int)body.Length);
        try
        {
            var text = WithoutByteOrderMark(whole is null ? body : Join(body, whole));
            if (text.IsSingleSegment && TryRead(text.FirstSpan, plan, rows, context))
                return;
            rows.Clear();
            var reader = new Utf8JsonReader(text);
            ReadBody(ref reader, [], plan, rows, context);
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

    /// <returns>False for what is not JSON; having passed rows over, the reader cannot tell where.</returns>
    private static bool TryRead(ReadOnlySpan<byte> text, PredictionPlan plan, RowBuffer rows, in PredictionContext context)
    {
        rows.Clear();
        try
        {
            var reader = new Utf8JsonReader(text);
            ReadBody(ref reader, text, plan, rows, context);
            return true;
        }
        catch (JsonException)
        {
            return false;
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

    /// <param name="reader">At the beginning of the body.</param>
    /// <param name="text">The body where it is in one piece, else empty.</param>
    /// <param name="plan">The model's.</param>
    /// <param name="rows">Takes the rows.</param>
    /// <param name="context">The request's.</param>
    private static void ReadBody(ref Utf8JsonReader reader, ReadOnlySpan<byte> text, PredictionPlan plan, RowBuffer rows, in PredictionContext context)
    {
        reader.Read();
        if (reader.TokenType != JsonTokenType.StartObject)
            throw Malformed($"The body is not an object. {Form}");
        var found = false;
        int[]? rented = null;
        var named = -1;
        try
        {
            while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
            {
                if (NameIs(ref reader, "rows"u8))
                {
                    if (found)
                        throw Malformed("The body has 'rows' twice.");
                    found = true;
                    reader.Read();
                    if (reader.TokenType != JsonTokenType.StartArray)
                        throw Malformed($"'rows' is not an array. {Form}");
                    ReadRows(ref reader, text, plan, rows, named < 0 ? plan.FeatureOrder : rented.AsSpan(0, named), named >= 0, context);
                }
                else if (NameIs(ref reader, "columns"u8))
                {
                    if (named >= 0 || found)
                        throw Malformed(named >= 0 ? "The body has 'columns' twice." : "The body has 'columns' after 'rows'; give it before.");
                    (rented, named) = ReadColumns(ref reader, plan, context.UnknownFeatures);
                }
                else
                {
                    throw Malformed($"The body has the unknown property '{Excerpt.Of(Name(ref reader))}'. {Form}");
                }
            }
        }
        finally
        {
            if (rented is not null)
                ArrayPool<int>.Shared.Return(rented);
        }

        if (!found)
            throw Malformed($"The body has no 'rows'. {Form}");
        // Whatever follows the body is an error that the reader finds.
        reader.Read();
    }

    /// <returns>A rented array with the feature of each column, -1 for one to skip, and the number of columns.</returns>
    private static (int[] Features, int Count) ReadColumns(ref Utf8JsonReader reader, PredictionPlan plan, UnknownFeaturePolicy unknown)
    {
        const string ColumnsForm = "'columns' is not an array of feature names.";
        reader.Read();
        if (reader.TokenType != JsonTokenType.StartArray)
            throw Malformed(ColumnsForm);
        var features = ArrayPool<int>.Shared.Rent(Math.Max(16, plan.Features.Length));
        var given = new bool[plan.Features.Length];
        var count = 0;
        try
        {
            for (; reader.Read() && reader.TokenType != JsonTokenType.EndArray; count++)
            {
                if (reader.TokenType != JsonTokenType.String)
                    throw Malformed(ColumnsForm);
                if (count == features.Length)
                {
                    if (count >= MostColumns)
                        throw Malformed($"There are more than {MostColumns} columns.");
                    var larger = ArrayPool<int>.Shared.Rent(2 * count);
                    features.AsSpan().CopyTo(larger);
                    ArrayPool<int>.Shared.Return(features);
                    features = larger;
                }

                var feature = FindFeature(ref reader, plan);
                if (feature < 0 && unknown == UnknownFeaturePolicy.Refuse)
                    throw UnknownFeature(ref reader, plan, row: null);
                if (feature >= 0)
                {
                    if (given[feature])
                        throw new PredictionRequestException(PredictionError.DuplicateFeature, row: null, plan.Features[feature].Feature.Name, "it is given twice.");
                    given[feature] = true;
                }

                features[count] = feature;
            }

            return (features, count);
        }
        catch
        {
            ArrayPool<int>.Shared.Return(features);
            throw;
        }
    }

    private static void ReadRows(
        ref Utf8JsonReader reader, ReadOnlySpan<byte> text, PredictionPlan plan, RowBuffer rows, ReadOnlySpan<int> columns, bool areNamed, in PredictionContext context)
    {
        // A reader in this state takes any row for the first, and so goes on at each that it is set to.
        var beforeRows = reader.CurrentState;
        var (position, left) = (0, 0);
        if (columns.Contains(-1))
            text = [];
        while (true)
        {
            if (!text.IsEmpty)
            {
                var before = rows.Rows;
                position = JsonRowScanner.Read(text, position + (int)reader.BytesConsumed, plan, rows, columns, context);
                reader = new(text[position..], isFinalBlock: true, beforeRows);
                left = rows.Rows > before ? 0 : left + 1;
                // Rows are mostly written alike: those that follow would be scanned in vain as well.
                if (left == MostLeft)
                    text = [];
            }

            if (!reader.Read() || reader.TokenType == JsonTokenType.EndArray)
                break;
            if (rows.Rows == context.MaxRows)
                throw new PredictionRequestException(PredictionError.TooManyRows, $"A request may have {context.MaxRows} rows at most; send more in several requests.");
            rows.BeginRow();
            switch (reader.TokenType)
            {
                case JsonTokenType.StartObject:
                    ReadObject(ref reader, plan, rows, context);
                    break;
                case JsonTokenType.StartArray:
                    ReadArray(ref reader, rows, columns, areNamed, context);
                    break;
                default:
                    throw Malformed($"rows[{rows.Rows}] is neither an object nor an array. {Form}");
            }

            rows.EndRow();
        }
    }

    private static void ReadObject(ref Utf8JsonReader reader, PredictionPlan plan, RowBuffer rows, in PredictionContext context)
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
                if (context.UnknownFeatures == UnknownFeaturePolicy.Refuse)
                    throw UnknownFeature(ref reader, plan, rows.Rows);
                reader.Skip();
                continue;
            }

            if (!rows.TryGive(feature))
                throw new PredictionRequestException(PredictionError.DuplicateFeature, rows.Rows, plan.Features[feature].Feature.Name, "it is given twice.");
            reader.Read();
            ReadValue(ref reader, columns[feature], rows.Rows, context);
            expected = feature + 1;
        }
    }

    /// <param name="reader">At the array.</param>
    /// <param name="rows">Takes the row.</param>
    /// <param name="columns">The feature of each value, -1 for one to skip.</param>
    /// <param name="areNamed">Whether the body names them, or they are the model's features in their order.</param>
    /// <param name="context">The request's.</param>
    private static void ReadArray(ref Utf8JsonReader reader, RowBuffer rows, ReadOnlySpan<int> columns, bool areNamed, in PredictionContext context)
    {
        var column = 0;
        for (; reader.Read() && reader.TokenType != JsonTokenType.EndArray; column++)
        {
            if (column == columns.Length)
            {
                throw Malformed($"rows[{rows.Rows}] has more values than " + (areNamed
                    ? $"the {columns.Length} columns."
                    : $"the model's {columns.Length} features; as an array, a row has one value for each in their order."));
            }

            if (columns[column] is >= 0 and var feature)
            {
                rows.TryGive(feature);
                ReadValue(ref reader, rows.Columns[feature], rows.Rows, context);
            }
            else
            {
                reader.Skip();
            }
        }

        if (column < columns.Length)
        {
            throw Malformed($"rows[{rows.Rows}] has {column} values for {columns.Length} " + (areNamed
                ? "columns; give null where one is missing."
                : "features; as an array, a row has one value for each in their order, null where it is missing."));
        }
    }

    public static void ReadValue(ref Utf8JsonReader reader, InputColumn column, int row, in PredictionContext context)
    {
        if (reader.TokenType == JsonTokenType.String && column.Plan.TakesNumbers && IsNonFinite(ref reader))
        {
            if (context.NonFinite == NonFinitePolicy.Refuse)
            {
                throw new PredictionRequestException(
                    PredictionError.NonFinite, row, column.Plan.Feature.Name, "NaN and infinity are not accepted here; give null where the value is missing.");
            }

            column.SetMissing(row);
            return;
        }

        column.Read(ref reader, row);
    }

    /// <summary>JSON has no such numbers; these are the strings that writers of JSON and CSV give for them.</summary>
    private static bool IsNonFinite(ref Utf8JsonReader reader)
    {
        if (JsonTokens.LengthOf(ref reader) > 9)
            return false;
        var text = JsonTokens.TextOf(ref reader).AsSpan();
        if (text is ['+' or '-', ..])
            text = text[1..];
        return text.Equals("nan", StringComparison.OrdinalIgnoreCase)
            || text.Equals("inf", StringComparison.OrdinalIgnoreCase)
            || text.Equals("infinity", StringComparison.OrdinalIgnoreCase);
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

    private static PredictionRequestException UnknownFeature(ref Utf8JsonReader reader, PredictionPlan plan, int? row)
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
