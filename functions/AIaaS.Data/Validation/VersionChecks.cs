using System.Globalization;
using AIaaS.Data.Poisoning;
using AIaaS.Data.Preparation;
using AIaaS.Formats;

namespace AIaaS.Data.Validation;

/// <summary>What a version was held against, and what came of it.</summary>
/// <param name="Contract">The data set's contract: the given one, else one learned from this version.</param>
/// <param name="Violations">Where the version breaks the given contract.</param>
/// <param name="Drift">How far its columns are from those of the version before.</param>
/// <param name="Poisoning">How its rows look in the light of the version before.</param>
/// <param name="Rejected">Why the pipeline refuses the version and what to do; null where it does not.</param>
internal sealed record VersionChecks(
    DataContract Contract,
    IReadOnlyList<ContractViolation> Violations,
    IReadOnlyList<ColumnDrift> Drift,
    PoisoningReport? Poisoning,
    string? Rejected)
{
    private const int MostNamed = 5;

    public static VersionChecks Run(PreparationContext context, DataProfile profile)
    {
        ValidationPlan plan = context.Parameters.Validate;
        DataContract contract = context.Parameters.Contract ?? ContractLearning.Learn(profile, context.Parameters.Clean.Duplicates.Key);
        IReadOnlyList<ContractViolation> violations = context.Parameters.Contract is { } given && plan.Contract != CheckAction.Off
            ? new ContractCheck(context, profile).Check(given)
            : [];
        IReadOnlyList<ColumnDrift> drift = BaselineComparison.Compare(context, profile);
        PoisoningReport? poisoning = PoisoningCheck.Check(context, profile);
        var checks = new VersionChecks(contract, violations, drift, poisoning, Rejected: null);
        return checks with { Rejected = checks.Refusal(plan, context.Baseline?.Version) };
    }

    private string? Refusal(ValidationPlan plan, int? baseline)
    {
        var reasons = new List<string>();
        ContractViolation[] broken = [.. Violations.Where(violation => violation.Severity == Severity.Error)];
        if (plan.Contract == CheckAction.Reject && broken.Length > 0)
        {
            string first = broken[0].Column is { } column ? $"{column}: {broken[0].Detail}" : broken[0].Detail;
            reasons.Add(Invariant($"The data breaks {(broken.Length == 1 ? "a promise" : $"{broken.Length} promises")} of its contract{(broken.Length == 1 ? ". " : "; the first: ")}{first} Correct the data, or change the contract if the data is right."));
        }
        ColumnDrift[] drifted = [.. Drift.Where(column => column.Drifted)];
        if (plan.Drift == CheckAction.Reject && drifted.Length > 0)
        {
            reasons.Add(Invariant(
                $"{(drifted.Length == 1 ? "1 column is" : $"{drifted.Length} columns are")} distributed unlike version {baseline}: {string.Join(", ", drifted.Take(MostNamed).Select(column => column.Column))}{(drifted.Length > MostNamed ? ", …" : "")}. Look for an error in the source; if the change is real, set validate.drift to warn for this run."));
        }
        if (plan.Poisoning == CheckAction.Reject && Poisoning is { Suspicious: true } suspicious)
        {
            reasons.Add(Invariant(
                $"{suspicious.AnomalousShare:P1} of the rows are unlike those of version {baseline}{(suspicious.FlippedLabelShare is { } flipped ? Invariant($", and {flipped:P1} of the labels are unlike their neighbours'") : "")}. See who wrote them; if they are right, set validate.poisoning to warn for this run."));
        }
        return reasons.Count == 0 ? null : string.Join(" ", reasons);
    }

    private static string Invariant(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
