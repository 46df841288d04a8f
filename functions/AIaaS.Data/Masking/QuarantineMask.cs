using System.Buffers;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using AIaaS.Data.Preparation;
using AIaaS.Formats;

namespace AIaaS.Data.Masking;

/// <summary>Hides in rejected rows what the plan hides in the others: quarantine is kept and downloaded too.</summary>
internal sealed class QuarantineMask
{
    private const SensitiveHints AnyHint =
        SensitiveHints.Phone | SensitiveHints.Card | SensitiveHints.SocialSecurity | SensitiveHints.TaxNumber | SensitiveHints.CitizenNumber;

    private static readonly SearchValues<char> Delimiters = SearchValues.Create(",;\t|");

    private readonly SensitiveMasker _masker;
    private readonly HashSet<string> _hidden;

    private QuarantineMask(PrepareParameters parameters)
    {
        _masker = SensitiveMasker.Of(parameters);
        _hidden = parameters.Clean.Mask.Columns.ToHashSet(StringComparer.OrdinalIgnoreCase);
    }

    /// <summary>Null where nothing is to be hidden.</summary>
    /// <exception cref="DatasetException">Hashes are asked for without a salt.</exception>
    public static Func<QuarantinedRow, QuarantinedRow>? Of(PrepareParameters parameters)
    {
        MaskPlan plan = parameters.Clean.Mask;
        return plan.Kinds.Count == 0 && plan.Columns.Count == 0 ? null : new QuarantineMask(parameters).Apply;
    }

    private QuarantinedRow Apply(QuarantinedRow row) => row with
    {
        Value = row.Value is null ? null
            : row.Column is { } column && _hidden.Contains(column) ? _masker.Hide(row.Value)
            : _masker.Mask(row.Value, row.Column is null ? AnyHint : SensitiveHintsOf.Name(row.Column)),
        Raw = row.Raw is null ? null : Raw(row.Raw),
    };

    /// <summary>Which field of a broken line is which cannot be told: where whole columns are hidden, such a line is not kept.</summary>
    private string? Raw(string raw)
    {
        JsonObject? members = null;
        try
        {
            members = raw.StartsWith('{') ? JsonNode.Parse(raw) as JsonObject : null;
        }
        catch (JsonException)
        {
            // A broken document is a line like any other.
        }
        if (members is null)
            return _hidden.Count > 0 ? null : Line(raw);
        foreach (string name in members.Select(member => member.Key).Where(_hidden.Contains).ToArray())
        {
            if (members[name] is { } value)
                members[name] = _masker.Hide(value.GetValueKind() == JsonValueKind.String ? value.GetValue<string>() : value.ToJsonString());
        }
        return _masker.MaskJson(members.ToJsonString(JsonDefaults.Options), SensitiveHints.None);
    }

    /// <summary>Field by field, as a comma between two fields is no decimal comma.</summary>
    private string Line(string raw)
    {
        var masked = new StringBuilder(raw.Length);
        for (int at = 0; at <= raw.Length;)
        {
            int length = raw.AsSpan(at).IndexOfAny(Delimiters) is var end and >= 0 ? end : raw.Length - at;
            masked.Append(_masker.Mask(raw.Substring(at, length), AnyHint));
            at += length;
            if (at < raw.Length)
                masked.Append(raw[at]);
            at++;
        }
        return masked.ToString();
    }
}
