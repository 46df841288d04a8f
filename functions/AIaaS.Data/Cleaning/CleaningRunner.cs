using AIaaS.Data.Preparation;
using AIaaS.Formats;

namespace AIaaS.Data.Cleaning;

/// <summary>Runs the steps of a plan in its order and reports them.</summary>
internal static class CleaningRunner
{
    /// <summary>In the order of the members of <see cref="CleaningPlan"/>.</summary>
    private static readonly ICleaningStep[] Steps =
    [
        new DeriveStep(), new FilterStep(), new TextStep(), new MissingStep(), new RareStep(), new DuplicateStep(), new MaskStep(), new OutlierStep(), new SampleStep(),
    ];

    /// <exception cref="DatasetException">A step cannot be done, or left no rows.</exception>
    public static void Run(PreparationContext context)
    {
        long rows = context.CountRows();
        foreach (ICleaningStep step in Steps)
        {
            context.CancellationToken.ThrowIfCancellationRequested();
            string? detail = step.Apply(context);
            if (detail is null)
                continue;
            long left = context.CountRows();
            if (left == 0)
                throw new DatasetException(DatasetReasons.NoRows, $"The cleaning step {step.Name} left no rows of the {FormattableString.Invariant($"{rows}")} it was given. {detail} Loosen it in the pipeline, or correct the data.");
            context.Steps.Add(new(step.Name, rows, left, detail));
            rows = left;
        }
    }
}
