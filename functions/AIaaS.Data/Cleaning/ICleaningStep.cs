using AIaaS.Data.Preparation;

namespace AIaaS.Data.Cleaning;

/// <summary>One step of a cleaning plan.</summary>
internal interface ICleaningStep
{
    /// <summary>As it is called in the report.</summary>
    string Name { get; }

    /// <summary>Changes the table as the plan asks; returns what it did, for people, or null where it was not asked for or had nothing to say.</summary>
    /// <exception cref="DatasetException">The plan asks for something that these data do not allow.</exception>
    string? Apply(PreparationContext context);
}
