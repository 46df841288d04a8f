using AIaaS.Formats;

namespace AIaaS.Data.Preparation;

/// <summary>
/// Settles what is to be predicted, as late as the steps allow: cleaning changes what is in the columns, and so what can be learned.
/// Data in which nothing can be predicted is a fine data set all the same; that is a finding and no failure.
/// </summary>
internal static class PreparationTarget
{
    /// <summary>Before cleaning: the given target, or the inferred one if a step treats the target apart from the other columns.</summary>
    public static void SettleBeforeCleaning(PreparationContext context)
    {
        PrepareParameters parameters = context.Parameters;
        if (parameters.Target is { } given)
        {
            PreparedColumn? column = context.Table.Columns.FirstOrDefault(column => column.Name == given)
                ?? context.Table.Columns.FirstOrDefault(column => column.Name.Equals(given, StringComparison.OrdinalIgnoreCase));
            // A derived column may still become the target; what is missing after cleaning is reported then.
            (context.Target, context.Task) = (column?.Name, parameters.Task);
            return;
        }
        if (!TreatsTargetApart(parameters.Clean) || !IsInferred(parameters.Task))
            return;
        DataProfile light = new Profiler(context.Connection, context.Table, context.CountRows()).ProfileLightly(context.CancellationToken);
        try
        {
            TargetChoice choice = TargetInference.Choose(SchemaOf(context.Table, light), light, target: null, parameters.Task);
            (context.Target, context.Task) = (choice.Target, choice.Task);
        }
        catch (DatasetException)
        {
            // Cleaning may make a column usable; what holds in the end is reported after it.
        }
    }

    /// <summary>After cleaning, with the final profile; reports the choice, or why there is none.</summary>
    public static void Settle(PreparationContext context, DataSchema schema, DataProfile profile)
    {
        PrepareParameters parameters = context.Parameters;
        if (!IsInferred(parameters.Task))
        {
            context.Target = schema.Columns.FirstOrDefault(column => column.Name.Equals(context.Target ?? parameters.Target, StringComparison.OrdinalIgnoreCase))?.Name;
            context.Task = parameters.Task;
            return;
        }
        string? early = parameters.Target is null ? context.Target : null;
        try
        {
            TargetChoice choice = TargetInference.Choose(schema, profile, parameters.Target ?? early, parameters.Task ?? context.Task);
            (context.Target, context.Task) = (choice.Target, choice.Task);
            if (early is not null)
                context.Findings.Add(new(Severity.Information, choice.Target, "Taken as the target, since none was given."));
            context.Findings.AddRange(choice.Findings);
        }
        catch (DatasetException nothing)
        {
            (context.Target, context.Task) = (null, null);
            context.Findings.Add(new(parameters.Target is null ? Severity.Information : Severity.Warning, null, nothing.Message));
        }
    }

    public static DataSchema SchemaOf(PreparedTable table, DataProfile profile) => new()
    {
        Columns = [.. table.Columns.Zip(profile.Columns, (column, about) => new DataColumn(column.Name, about.Kind, column.Type, about.Missing > 0))],
    };

    private static bool TreatsTargetApart(CleaningPlan plan) =>
        plan.Missing.Action != MissingAction.Auto || plan.Rare is { Columns: null } || plan.Outliers is { Columns: null };

    /// <summary>Other tasks have no target, or one that is always given.</summary>
    private static bool IsInferred(LearningTask? task) => task is null or LearningTask.Classification or LearningTask.Regression;
}
