using System.Buffers.Text;
using System.Text;
using System.Text.Json;
using System.Text.Unicode;
using AIaaS.Formats;

namespace AIaaS.Serving.Predictions;

/// <summary>Writes CSV (RFC 4180, UTF-8, names in the first row) as <c>{"columns":[…],"rows":[[…]]}</c>.</summary>
/// <remarks>An empty field is a missing value; blank lines are passed over. What a field is decides the feature of its column.</remarks>
internal static class CsvTranscoder
{
    private const int MostColumns = 1 << 16;

    /// <exception cref="PredictionRequestException">It is not CSV, or has rows of different lengths.</exception>
    public static void Write(Utf8JsonWriter writer, ReadOnlySpan<byte> csv, PredictionPlan plan, int maxRows)
    {
        var fields = new FieldReader(csv.StartsWith(Encoding.UTF8.Preamble) ? csv[3..] : csv);
        var forms = new List<Form>();
        writer.WriteStartObject();
        writer.WriteStartArray("columns"u8);
        var isEnd = false;
        while (!isEnd && fields.Next(out var name, out isEnd))
        {
            if (forms.Count == MostColumns)
                throw Malformed($"The first row has more than {MostColumns} names.");
            WriteText(writer, name);
            var feature = plan.FindFeature(name);
            forms.Add(feature < 0 ? Form.Text : FormOf(plan.Features[feature]));
        }

        if (forms.Count == 0)
            throw Malformed("The body is empty. Send a row of feature names and then the rows.");
        writer.WriteEndArray();
        writer.WriteStartArray("rows"u8);
        var rows = 0;
        while (fields.SkipBlankLines())
        {
            if (rows == maxRows)
                throw new PredictionRequestException(PredictionError.TooManyRows, $"A request may have {maxRows} rows at most; send more in several requests.");
            writer.WriteStartArray();
            var column = 0;
            for (isEnd = false; !isEnd && fields.Next(out var field, out isEnd); column++)
            {
                if (column == forms.Count)
                    throw Malformed($"Row {rows + 1} after the names has more values than the {forms.Count} names.");
                WriteValue(writer, field, forms[column]);
            }

            if (column < forms.Count)
                throw Malformed($"Row {rows + 1} after the names has {column} values for {forms.Count} names.");
            writer.WriteEndArray();
            rows++;
        }

        writer.WriteEndArray();
        writer.WriteEndObject();
    }

    private static Form FormOf(FeaturePlan plan) => plan.Feature.Kind switch
    {
        ColumnKind.Boolean => Form.Boolean,
        _ when plan.Feature.Type == TensorType.Bool => Form.Boolean,
        _ when plan.Feature.Type == TensorType.String || plan.Feature.Kind == ColumnKind.Datetime => Form.Text,
        _ => Form.Number,
    };

    private static void WriteValue(Utf8JsonWriter writer, ReadOnlySpan<byte> field, Form form)
    {
        if (field.IsEmpty)
            writer.WriteNullValue();
        else if (form == Form.Number && TryWriteNumber(writer, field))
            return;
        else if (form == Form.Boolean && (Ascii.EqualsIgnoreCase(field, "true"u8) || field.SequenceEqual("1"u8)))
            writer.WriteBooleanValue(true);
        else if (form == Form.Boolean && (Ascii.EqualsIgnoreCase(field, "false"u8) || field.SequenceEqual("0"u8)))
            writer.WriteBooleanValue(false);
        else
            WriteText(writer, field);
    }

    private static bool TryWriteNumber(Utf8JsonWriter writer, ReadOnlySpan<byte> field)
    {
        field = Trim(field);
        if (field is [(byte)'+', ..])
            field = field[1..];
        if (Utf8Parser.TryParse(field, out long integer, out var read) && read == field.Length)
        {
            writer.WriteNumberValue(integer);
            return true;
        }

        if (!Utf8Parser.TryParse(field, out double number, out read) || read != field.Length || !double.IsFinite(number))
            return false;
        writer.WriteNumberValue(number);
        return true;
    }

    private static ReadOnlySpan<byte> Trim(ReadOnlySpan<byte> field) => field.Trim(" \t"u8);

    private static void WriteText(Utf8JsonWriter writer, ReadOnlySpan<byte> utf8)
    {
        if (!Utf8.IsValid(utf8))
            throw Malformed("The body is not valid UTF-8.");
        writer.WriteStringValue(utf8);
    }

    private static PredictionRequestException Malformed(string detail) => new(PredictionError.MalformedRequest, detail);

    private enum Form
    {
        Number,
        Boolean,
        Text,
    }

    private ref struct FieldReader(ReadOnlySpan<byte> csv)
    {
        private ReadOnlySpan<byte> _rest = csv;
        private byte[] _unquoted = [];
        private bool _isAfterComma;

        /// <returns>False at the end of the file.</returns>
        public bool SkipBlankLines()
        {
            _rest = _rest.TrimStart("\r\n"u8);
            return !_rest.IsEmpty;
        }

        /// <param name="field">Without its quotes.</param>
        /// <param name="isLast">Whether it ends its line.</param>
        /// <returns>False at the end of the file.</returns>
        public bool Next(out ReadOnlySpan<byte> field, out bool isLast)
        {
            if (_rest.IsEmpty && !_isAfterComma)
            {
                field = default;
                isLast = true;
                return false;
            }

            var length = 0;
            if (_rest is [(byte)'"', ..])
            {
                field = Quoted(out length);
            }
            else
            {
                length = _rest.IndexOfAny((byte)',', (byte)'\r', (byte)'\n');
                if (length < 0)
                    length = _rest.Length;
                field = _rest[..length];
                if (field.Contains((byte)'"'))
                    throw Malformed("A field has a quote and is not in quotes; write \"…\" around it and \"\" for the quote.");
            }

            _rest = _rest[length..];
            _isAfterComma = _rest is [(byte)',', ..];
            isLast = !_isAfterComma;
            if (_rest is [(byte)'\r', (byte)'\n', ..])
                _rest = _rest[2..];
            else if (!_rest.IsEmpty)
                _rest = _rest[1..];
            return true;
        }

        private ReadOnlySpan<byte> Quoted(out int length)
        {
            var written = 0;
            for (var from = 1; ;)
            {
                var quote = _rest[from..].IndexOf((byte)'"');
                if (quote < 0)
                    throw Malformed("A field in quotes has no end.");
                var to = from + quote;
                if (_rest[(to + 1)..] is not [(byte)'"', ..])
                {
                    length = to + 1;
                    if (_rest[length..] is [not ((byte)',' or (byte)'\r' or (byte)'\n'), ..])
                        throw Malformed("A field goes on after its closing quote; write \"\" for a quote within it.");
                    if (written == 0)
                        return _rest[from..to];
                    Append(_rest[from..to], ref written);
                    return _unquoted.AsSpan(0, written);
                }

                Append(_rest[from..(to + 1)], ref written);
                from = to + 2;
            }
        }

        private void Append(ReadOnlySpan<byte> bytes, ref int written)
        {
            if (written + bytes.Length > _unquoted.Length)
                Array.Resize(ref _unquoted, Math.Max(256, 2 * (written + bytes.Length)));
            bytes.CopyTo(_unquoted.AsSpan(written));
            written += bytes.Length;
        }
    }
}
