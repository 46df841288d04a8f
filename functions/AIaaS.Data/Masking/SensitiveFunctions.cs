using System.Text;
using AIaaS.Data.DuckDb;
using AIaaS.Formats;

namespace AIaaS.Data.Masking;

/// <summary>
/// Finding and masking as SQL functions, so that a column of any size passes through them in chunks:
/// <c>sensitive_kinds(hints, text)</c> is a bit for each kind found, <c>sensitive_masked(hints, isJson, text)</c> the text without what is
/// hidden, and <c>sensitive_hidden(text)</c> a text hidden whole.
/// </summary>
internal static class SensitiveFunctions
{
    public static void Register(DuckDbConnection connection, SensitiveMasker masker)
    {
        ScalarFunction.Register(connection, "sensitive_kinds", [DuckDbType.Integer, DuckDbType.Varchar], null, DuckDbType.Integer, Kinds);
        ScalarFunction.Register(connection, "sensitive_masked", [DuckDbType.Integer, DuckDbType.Boolean, DuckDbType.Varchar], null, DuckDbType.Varchar,
            (input, output) => Masked(masker, input, output));
        ScalarFunction.Register(connection, "sensitive_hidden", [DuckDbType.Varchar], null, DuckDbType.Varchar, (input, output) => Hidden(masker, input, output));
    }

    private static void Kinds(ScalarFunctionInput input, ScalarFunctionOutput output)
    {
        DuckDbVector hints = input.Argument(0), texts = input.Argument(1);
        Span<int> kinds = output.Values<int>(input.Rows);
        var matches = new List<SensitiveMatch>();
        for (int row = 0; row < kinds.Length; row++)
        {
            kinds[row] = 0;
            if (!texts.IsValid(row) || !SensitiveText.MayHold(texts.Utf8(row)))
                continue;
            matches.Clear();
            SensitiveText.Find(texts.Text(row), (SensitiveHints)hints.Int64(row), matches);
            foreach (SensitiveMatch match in matches)
                kinds[row] |= 1 << (int)match.Kind;
        }
    }

    private static void Masked(SensitiveMasker masker, ScalarFunctionInput input, ScalarFunctionOutput output)
    {
        DuckDbVector hints = input.Argument(0), json = input.Argument(1), texts = input.Argument(2);
        for (int row = 0; row < input.Rows; row++)
        {
            if (!texts.IsValid(row))
                output.SetMissing(row);
            else if (!SensitiveText.MayHold(texts.Utf8(row)))
                output.SetText(row, texts.Utf8(row));
            else
            {
                var hint = (SensitiveHints)hints.Int64(row);
                string text = texts.Text(row);
                output.SetText(row, Encoding.UTF8.GetBytes(json.Int64(row) != 0 ? masker.MaskJson(text, hint) : masker.Mask(text, hint)));
            }
        }
    }

    private static void Hidden(SensitiveMasker masker, ScalarFunctionInput input, ScalarFunctionOutput output)
    {
        DuckDbVector texts = input.Argument(0);
        for (int row = 0; row < input.Rows; row++)
        {
            if (texts.IsValid(row))
                output.SetText(row, Encoding.UTF8.GetBytes(masker.Hide(texts.Text(row))));
            else
                output.SetMissing(row);
        }
    }
}
