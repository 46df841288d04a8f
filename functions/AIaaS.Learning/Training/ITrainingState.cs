namespace AIaaS.Learning.Training;

/// <summary>What is trained step by step: its states are all that a step leaves to the next, and so all that a checkpoint needs.</summary>
internal interface ITrainingState
{
    StepResult Step();

    Dictionary<string, float[]> ReadAll();

    /// <param name="states">Elements of every state.</param>
    void Write(IReadOnlyDictionary<string, float[]> states);
}
