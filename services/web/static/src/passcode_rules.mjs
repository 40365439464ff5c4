export const weakness = () => null;
