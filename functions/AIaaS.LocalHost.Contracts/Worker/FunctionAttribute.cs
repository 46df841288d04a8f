namespace Microsoft.Azure.Functions.Worker;

/// <summary>Marks a method as a function under a name of its own.</summary>
[AttributeUsage(AttributeTargets.Method)]
public class FunctionAttribute : Attribute
{
    public FunctionAttribute(string name)
    {
        Name = name;
    }

    public string Name { get; }
}
